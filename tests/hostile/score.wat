;; The longest unused goes first, with places where a test puts something else.
(module
  (@custom "cnn" "abi: 1\nname: @module\nrole: replacement\nkind: score\ngoals: hits\n")
  (memory (export "memory") 1)
  (global $calls (mut i32) (i32.const 0))
  (func $forever (loop $again (br $again)))
  ;; So many times round, a nanosecond or two each, with a sum that cannot be left out.
  (func $idle (param $rounds i32)
    (loop $again
      (i32.store (i32.const 15000) (i32.xor (i32.load (i32.const 15000)) (local.get $rounds)))
      (local.set $rounds (i32.sub (local.get $rounds) (i32.const 1)))
      (br_if $again (local.get $rounds))))
  (func $nth (param $n i32) (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (i32.eqz (i32.rem_u (global.get $calls) (local.get $n))))
  (func (export "init") (param i64 i32)
    ;; @init
  )
  (func (export "events") (result i32) (i32.const 0))
  (func (export "documents") (result i32)
    ;; @documents
    (i32.const 8192))
  (func (export "values") (result i32) (i32.const 16384))
  (func (export "on_events") (param $count i32) (param $now i64)
    ;; @on_events
  )
  (func (export "scores") (param $count i32) (param $now i64)
    (local $at i32)
    ;; @scores
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $at) (local.get $count)))
        (f64.store (i32.add (i32.const 16384) (i32.shl (local.get $at) (i32.const 3)))
          (f64.convert_i64_u (i64.load offset=32 (i32.add (i32.const 8192) (i32.mul (local.get $at) (i32.const 72))))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    ;; @scored
  ))
