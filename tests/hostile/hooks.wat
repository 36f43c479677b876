;; A policy in good order, first in, first out, with places where a test puts something that is not. Queue and marks are
;; found by slot; an entry of the queue counts when it has the mark its slot has.
(module
  (@custom "cnn" "abi: 1\nname: @module\nrole: replacement\nkind: hooks\ngoals: hits\n")
  (memory (export "memory") 10)
  (table $table 1 funcref)
  (global $calls (mut i32) (i32.const 0))
  (global $stamp (mut i32) (i32.const 0))
  (global $head (mut i32) (i32.const 0))
  (global $tail (mut i32) (i32.const 0))
  (global $held (mut i32) (i32.const 0))

  (func $forever (loop $again (br $again)))
  ;; So many times round, a nanosecond or two each, with a sum that cannot be left out.
  (func $idle (param $rounds i32)
    (loop $again
      (i32.store (i32.const 15000) (i32.xor (i32.load (i32.const 15000)) (local.get $rounds)))
      (local.set $rounds (i32.sub (local.get $rounds) (i32.const 1)))
      (br_if $again (local.get $rounds))))
  (func $deep (param i32) (result i32) (i32.add (i32.const 1) (call $deep (local.get 0))))
  (func $grow (loop $more (drop (memory.grow (i32.const 16))) (drop (table.grow $table (ref.null func) (i32.const 1000)))
    (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))))
  ;; Counts the calls of whoever asks; whether it is the so manieth.
  (func $nth (param $n i32) (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (i32.eqz (i32.rem_u (global.get $calls) (local.get $n))))
  ;; Names one victim.
  (func $name (param $slot i32) (result i32) (i32.store (i32.const 8192) (local.get $slot)) (i32.const 1))

  (func (export "init") (param i64 i32)
    ;; @init
  )
  (func (export "events") (result i32)
    ;; @events
    (i32.const 0))
  (func (export "picks") (result i32)
    ;; @picks
    (i32.const 8192))
  (func (export "len") (result i32)
    ;; @len
    (global.get $held))

  ;; Where the mark of a slot is.
  (func $mark (param $slot i32) (result i32)
    (i32.add (i32.const 16384) (i32.shl (i32.and (local.get $slot) (i32.const 16383)) (i32.const 2))))
  ;; Where the entry of this number is.
  (func $entry (param $number i32) (result i32)
    (i32.add (i32.const 131072) (i32.shl (i32.and (local.get $number) (i32.const 65535)) (i32.const 3))))

  (func $event (param $at i32)
    (local $slot i32) (local $kind i32)
    (local.set $slot (i32.load (local.get $at)))
    (local.set $kind (i32.load8_u offset=4 (local.get $at)))
    (if (i32.eq (local.get $kind) (i32.const 3))
      (then
        (if (i32.load (call $mark (local.get $slot)))
          (then (global.set $held (i32.sub (global.get $held) (i32.const 1)))))
        (i32.store (call $mark (local.get $slot)) (i32.const 0))))
    (if (i32.or (i32.eq (local.get $kind) (i32.const 1)) (i32.ge_u (local.get $kind) (i32.const 4)))
      (then
        (global.set $stamp (i32.add (global.get $stamp) (i32.const 1)))
        (global.set $held (i32.add (global.get $held) (i32.const 1)))
        (i32.store (call $mark (local.get $slot)) (global.get $stamp))
        (i32.store (call $entry (global.get $tail)) (local.get $slot))
        (i32.store offset=4 (call $entry (global.get $tail)) (global.get $stamp))
        (global.set $tail (i32.add (global.get $tail) (i32.const 1))))))

  (func (export "on_events") (param $count i32) (param $now i64)
    (local $at i32)
    ;; @on_events
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (call $event (local.get $at))
        (local.set $at (i32.add (local.get $at) (i32.const 32)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next))))

  (func $victims (export "victims") (param $most i32) (result i32)
    (local $count i32) (local $entry i32) (local $mark i32)
    ;; @victims
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $count) (local.get $most)))
        (br_if $done (i32.eq (global.get $head) (global.get $tail)))
        (local.set $entry (call $entry (global.get $head)))
        (local.set $mark (call $mark (i32.load (local.get $entry))))
        (global.set $head (i32.add (global.get $head) (i32.const 1)))
        (if (i32.eq (i32.load (local.get $mark)) (i32.load offset=4 (local.get $entry)))
          (then
            (i32.store (local.get $mark) (i32.const 0))
            (global.set $held (i32.sub (global.get $held) (i32.const 1)))
            (i32.store (i32.add (i32.const 8192) (i32.shl (local.get $count) (i32.const 2))) (i32.load (local.get $entry)))
            (local.set $count (i32.add (local.get $count) (i32.const 1)))))
        (br $next)))
    ;; @named
    (local.get $count))

  (func (export "rank") (param $first i32) (param $most i32) (result i32)
    ;; @rank
    (i32.const 0)))
