(module
  (@custom "cnn" "abi: 1\nname: refresh-by-hand\nrole: freshness\nsummary: one refresh_pattern for everything\nparameter: min whole 0 0 525600 minutes for which a response stays fresh that says nothing about it\nparameter: percent whole 20 0 1000 share of the time since the last modification, in percent\nparameter: max whole 4320 0 525600 minutes of the longest lifetime given\n")
  (memory (export "memory") 1)
  ;; The rule is at 64: min, percent, max, max_stale (none), options (none).
  (data (i32.const 76) "\ff\ff\ff\ff\00\00\00\00")
  (func (export "set") (param $number i32) (param $value f64)
    (i32.store offset=64 (i32.mul (local.get $number) (i32.const 4))
      (i32.mul (i32.trunc_f64_u (local.get $value))
        ;; Minutes become seconds; the share stays.
        (select (i32.const 1) (i32.const 60) (i32.eq (local.get $number) (i32.const 1))))))
  (func (export "init") (param i64 i32))
  (func (export "response") (result i32) (i32.const 0))
  (func (export "rule") (result i32) (i32.const 64))
  (func (export "refresh") (result i32) (i32.const 1)))
