;; A monitor: requests by how they were served, bytes, times, and which hosts there are.
(module
  (@custom "cnn"
    "abi: 1\nname: served-by-hand\nrole: monitor\nsummary: requests by how they were served\n"
    "metric: served{served} counter Requests by where the response came from\n"
    "metric: served_bytes counter Bytes sent to clients\n"
    "metric: request_seconds histogram From the first byte of a request to the last of its response\n"
    "metric: last_host{host} gauge When the host was last asked for, in seconds since the beginning\n"
    "metric: ticks counter Seconds that have passed, about\n")
  (import "cnn" "label" (func $label (param i32 i32)))
  (import "cnn" "count" (func $count (param i32 f64)))
  (import "cnn" "gauge" (func $gauge (param i32 f64)))
  (import "cnn" "observe" (func $observe (param i32 f64)))
  ;; Words at 0, each in 16 bytes after its length; requests from 256 on, texts behind them.
  (memory (export "memory") 3)
  (data (i32.const 0) "\04none")
  (data (i32.const 16) "\03hit")
  (data (i32.const 32) "\09validated")
  (data (i32.const 48) "\05stale")
  (data (i32.const 64) "\04miss")
  (data (i32.const 80) "\07changed")
  (data (i32.const 96) "\06failed")
  (data (i32.const 112) "\06denied")
  (data (i32.const 128) "\06tunnel")
  (func (export "init") (param i64 i32))
  (func (export "requests") (result i32) (i32.const 256))
  (func (export "text") (result i32) (i32.const 18688))
  (func (export "on_requests") (param $count i32) (param $now i64)
    (local $at i32) (local $end i32) (local $word i32)
    (local.set $at (i32.const 256))
    (local.set $end (i32.add (local.get $at) (i32.mul (local.get $count) (i32.const 72))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $word (i32.mul (i32.const 16) (i32.load8_u offset=65 (local.get $at))))
        (call $label (i32.add (local.get $word) (i32.const 1)) (i32.load8_u (local.get $word)))
        (call $count (i32.const 0) (f64.const 1))
        (call $count (i32.const 1) (f64.convert_i64_u (i64.load offset=16 (local.get $at))))
        (call $observe (i32.const 2)
          (f64.div (f64.convert_i32_u (i32.load offset=32 (local.get $at))) (f64.const 1e6)))
        (call $label
          (i32.add (i32.const 18688) (i32.load offset=52 (local.get $at)))
          (i32.load8_u offset=64 (local.get $at)))
        (call $gauge (i32.const 3)
          (f64.div (f64.convert_i64_u (i64.load (local.get $at))) (f64.const 1e6)))
        (local.set $at (i32.add (local.get $at) (i32.const 72)))
        (br $next))))
  (func (export "on_tick") (param $now i64) (param $elapsed i64)
    (call $count (i32.const 4) (f64.const 1))))
