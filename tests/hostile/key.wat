;; The largest goes first, with places where a test puts something else.
(module
  (@custom "cnn" "abi: 1\nname: @module\nrole: replacement\nkind: key\ngoals: hits\n")
  (memory (export "memory") 1)
  (global $calls (mut i32) (i32.const 0))
  (func $forever (loop $again (br $again)))
  ;; So many times round, a nanosecond or two each, with a sum that cannot be left out.
  (func $idle (param $rounds i32)
    (loop $again
      (i32.store (i32.const 15000) (i32.xor (i32.load (i32.const 15000)) (local.get $rounds)))
      (local.set $rounds (i32.sub (local.get $rounds) (i32.const 1)))
      (br_if $again (local.get $rounds))))
  (func $deep (param i32) (result i32) (i32.add (i32.const 1) (call $deep (local.get 0))))
  (func $nth (param $n i32) (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (i32.eqz (i32.rem_u (global.get $calls) (local.get $n))))
  (func (export "init") (param i64 i32)
    ;; @init
  )
  (func (export "events") (result i32)
    ;; @events
    (i32.const 0))
  (func (export "key") (param $now i64) (result f64)
    ;; @key
    (f64.neg (f64.convert_i64_u (i64.load offset=16 (i32.const 0)))))
  (func (export "evicted") (param $key f64)
    ;; @evicted
  ))
