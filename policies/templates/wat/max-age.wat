;; The policy max-age: deletes what ended, and stops what runs, once it is older than allowed.
;;
;; `tbengine policy pack` gives the exports their full names and the module its types. How records lie in
;; memory is the canonical ABI of the component model; the offsets are noted where they are used.
(module
  (memory (export "memory") 2)

  ;; Texts end with a zero byte.
  (data (i32.const 0x100) "max-age\00")
  (data (i32.const 0x180) "1.0.0\00")
  (data (i32.const 0x190) "Deletes what ended, and stops what runs, once it is older than allowed.\00")
  (data (i32.const 0x200) "older-than\00")
  (data (i32.const 0x210) "How old is too old.\00")
  (data (i32.const 0x230) "24h\00")
  (data (i32.const 0x240) "keep-label\00")
  (data (i32.const 0x250) "What carries this label is kept, whatever its value.\00")
  (data (i32.const 0x290) "keep\00")
  (data (i32.const 0x2a0) "labelled to be kept\00")
  (data (i32.const 0x2c0) "older than allowed\00")
  (data (i32.const 0x2e0) "tried often enough\00")
  (data (i32.const 0x300) "must be more than nothing\00")

  ;; The parameters: milliseconds, and where the name of the label is.
  (global $older_than (mut i64) (i64.const 0))
  (global $keep (mut i32) (i32.const 0))
  (global $keep_len (mut i32) (i32.const 0))

  ;; Memory is given away and never taken back: an instance lives for one call.
  (global $free (mut i32) (i32.const 0x1000))
  (func $alloc (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and
      (i32.add (global.get $free) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
    (global.set $free (i32.add (local.get $at) (local.get $size)))
    (if (i32.gt_u (global.get $free) (i32.mul (memory.size) (i32.const 0x10000)))
      (then (if (i32.eq (i32.const -1) (memory.grow (i32.add (i32.const 16) (i32.shr_u (local.get $size) (i32.const 16)))))
        (then unreachable))))
    (local.get $at))
  (func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (call $alloc (local.get $align) (local.get $size)))
    (memory.copy (local.get $at) (local.get $old) (local.get $old_size))
    (local.get $at))

  ;; Writes where a text is, and how long.
  (func $put_text (param $at i32) (param $text i32)
    (local $end i32)
    (local.set $end (local.get $text))
    (loop $next (if (i32.load8_u (local.get $end))
      (then (local.set $end (i32.add (local.get $end) (i32.const 1))) (br $next))))
    (i32.store (local.get $at) (local.get $text))
    (i32.store offset=4 (local.get $at) (i32.sub (local.get $end) (local.get $text))))

  (func $equal (param $a i32) (param $a_len i32) (param $b i32) (param $b_len i32) (result i32)
    (if (i32.ne (local.get $a_len) (local.get $b_len)) (then (return (i32.const 0))))
    (block $end (loop $next
      (br_if $end (i32.eqz (local.get $a_len)))
      (if (i32.ne (i32.load8_u (local.get $a)) (i32.load8_u (local.get $b))) (then (return (i32.const 0))))
      (local.set $a (i32.add (local.get $a) (i32.const 1)))
      (local.set $b (i32.add (local.get $b) (i32.const 1)))
      (local.set $a_len (i32.sub (local.get $a_len) (i32.const 1)))
      (br $next)))
    (i32.const 1))

  ;; description: name 0, version 8, summary 16, params 24, judging 32 (0 is each).
  ;; param: name 0, type 8 (0 is text, 4 is duration), doc 12, default 20 (1, then the text at 24), required 32; 36 bytes.
  (func (export "describe") (result i32)
    (local $at i32) (local $params i32)
    (local.set $at (call $alloc (i32.const 4) (i32.const 36)))
    (local.set $params (call $alloc (i32.const 4) (i32.const 72)))
    (call $put_text (local.get $at) (i32.const 0x100))
    (call $put_text (i32.add (local.get $at) (i32.const 8)) (i32.const 0x180))
    (call $put_text (i32.add (local.get $at) (i32.const 16)) (i32.const 0x190))
    (i32.store offset=24 (local.get $at) (local.get $params))
    (i32.store offset=28 (local.get $at) (i32.const 2))
    (i32.store8 offset=32 (local.get $at) (i32.const 0))
    (call $put_param (local.get $params) (i32.const 0x200) (i32.const 4) (i32.const 0x210) (i32.const 0x230))
    (call $put_param (i32.add (local.get $params) (i32.const 36))
      (i32.const 0x240) (i32.const 0) (i32.const 0x250) (i32.const 0x290))
    (local.get $at))
  (func $put_param (param $at i32) (param $name i32) (param $type i32) (param $doc i32) (param $default i32)
    (call $put_text (local.get $at) (local.get $name))
    (i32.store8 offset=8 (local.get $at) (local.get $type))
    (call $put_text (i32.add (local.get $at) (i32.const 12)) (local.get $doc))
    (i32.store8 offset=20 (local.get $at) (i32.const 1))
    (call $put_text (i32.add (local.get $at) (i32.const 24)) (local.get $default))
    (i32.store8 offset=32 (local.get $at) (i32.const 0)))

  ;; Pairs of 16 bytes: key 0, value 8.
  ;; result: 0 is ok; labels 4 (0 is everything), attrs 16 (0 is everything), wants 28 (bits; 0 is no expensive facts).
  ;; An error is 1, then a list at 4 of: param 0, message 8.
  (func (export "configure") (param $pair i32) (param $count i32) (result i32)
    (local $at i32) (local $list i32) (local $digit i32) (local $end i32)
    (block $end (loop $next
      (br_if $end (i32.eqz (local.get $count)))
      (if (call $equal (i32.load (local.get $pair)) (i32.load offset=4 (local.get $pair)) (i32.const 0x200) (i32.const 10))
        (then
          (local.set $digit (i32.load offset=8 (local.get $pair)))
          (local.set $end (i32.add (local.get $digit) (i32.load offset=12 (local.get $pair))))
          (loop $digits (if (i32.lt_u (local.get $digit) (local.get $end)) (then
            (global.set $older_than (i64.add
              (i64.mul (global.get $older_than) (i64.const 10))
              (i64.extend_i32_u (i32.sub (i32.load8_u (local.get $digit)) (i32.const 0x30)))))
            (local.set $digit (i32.add (local.get $digit) (i32.const 1)))
            (br $digits))))))
      (if (call $equal (i32.load (local.get $pair)) (i32.load offset=4 (local.get $pair)) (i32.const 0x240) (i32.const 10))
        (then
          (global.set $keep (i32.load offset=8 (local.get $pair)))
          (global.set $keep_len (i32.load offset=12 (local.get $pair)))))
      (local.set $pair (i32.add (local.get $pair) (i32.const 16)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br $next)))
    (local.set $at (call $alloc (i32.const 4) (i32.const 32)))
    (if (i64.eqz (global.get $older_than)) (then
      (local.set $list (call $alloc (i32.const 4) (i32.const 16)))
      (call $put_text (local.get $list) (i32.const 0x200))
      (call $put_text (i32.add (local.get $list) (i32.const 8)) (i32.const 0x300))
      (i32.store8 (local.get $at) (i32.const 1))
      (i32.store offset=4 (local.get $at) (local.get $list))
      (i32.store offset=8 (local.get $at) (i32.const 1))
      (return (local.get $at))))
    (i32.store8 (local.get $at) (i32.const 0))
    (i32.store8 offset=4 (local.get $at) (i32.const 0))
    (i32.store8 offset=16 (local.get $at) (i32.const 0))
    (i32.store8 offset=28 (local.get $at) (i32.const 0))
    (local.get $at))

  ;; The arguments: a context of 96 bytes with the time at 0, then the list of resources.
  ;; resource: id 0, state 25, created 56 (1, then the time at 64), arrived 72 (1, then the time at 80), labels 320; 336 bytes.
  ;; verdict: id 0, action 8, and from 16 on what it says; 56 bytes.
  ;;   0 is keep: reason 16
  ;;   1 is stop: reason 16, grace 24 (1, then the time at 32), priority 40
  ;;   2 is delete: reason 16, force 24 (0 is never), grace 32 (0 is none), priority 48, evict 52 (0 is no)
  ;; result: 0 is ok, then the list at 4.
  (func (export "decide") (param $asked i32) (result i32)
    (local $at i32) (local $one i32) (local $count i32) (local $verdicts i32) (local $verdict i32)
    (local $since i64) (local $age i64) (local $state i32)
    (local.set $one (i32.load offset=96 (local.get $asked)))
    (local.set $count (i32.load offset=100 (local.get $asked)))
    (local.set $verdicts (call $alloc (i32.const 8) (i32.mul (local.get $count) (i32.const 56))))
    (local.set $verdict (local.get $verdicts))
    (block $end (loop $next
      (br_if $end (i32.eqz (local.get $count)))
      (block $judged
        (i64.store (local.get $verdict) (i64.load (local.get $one)))
        (if (call $labelled (i32.load offset=320 (local.get $one)) (i32.load offset=324 (local.get $one)))
          (then
            (i32.store8 offset=8 (local.get $verdict) (i32.const 0))
            (call $put_text (i32.add (local.get $verdict) (i32.const 16)) (i32.const 0x2a0))
            (local.set $verdict (i32.add (local.get $verdict) (i32.const 56)))
            (br $judged)))
        (br_if $judged (i32.eqz (i32.or (i32.load8_u offset=56 (local.get $one)) (i32.load8_u offset=72 (local.get $one)))))
        ;; It came into being here when it was created, or arrived if that was later.
        (local.set $since (i64.const 0))
        (if (i32.load8_u offset=56 (local.get $one)) (then (local.set $since (i64.load offset=64 (local.get $one)))))
        (if (i32.load8_u offset=72 (local.get $one))
          (then (if (i64.gt_u (i64.load offset=80 (local.get $one)) (local.get $since))
            (then (local.set $since (i64.load offset=80 (local.get $one)))))))
        (local.set $age (i64.sub (i64.load (local.get $asked)) (local.get $since)))
        (br_if $judged (i64.le_s (local.get $age) (global.get $older_than)))
        (local.set $state (i32.load8_u offset=25 (local.get $one)))
        (call $put_text (i32.add (local.get $verdict) (i32.const 16)) (i32.const 0x2c0))
        ;; created 1, exited 5, stopped 6, failed 8, dead 9
        (if (i32.and (i32.shl (i32.const 1) (local.get $state)) (i32.const 0x362))
          (then
            (i32.store8 offset=8 (local.get $verdict) (i32.const 2))
            (i32.store8 offset=24 (local.get $verdict) (i32.const 0))
            (i32.store8 offset=32 (local.get $verdict) (i32.const 0))
            (i32.store offset=48 (local.get $verdict) (call $hours (local.get $age)))
            (i32.store8 offset=52 (local.get $verdict) (i32.const 0))
            (local.set $verdict (i32.add (local.get $verdict) (i32.const 56)))
            (br $judged)))
        ;; running 2, paused 3
        (if (i32.and (i32.shl (i32.const 1) (local.get $state)) (i32.const 0x00c))
          (then
            (i32.store8 offset=8 (local.get $verdict) (i32.const 1))
            (i32.store8 offset=24 (local.get $verdict) (i32.const 1))
            (i64.store offset=32 (local.get $verdict) (i64.const 5000))
            (i32.store offset=40 (local.get $verdict) (call $hours (local.get $age)))
            (local.set $verdict (i32.add (local.get $verdict) (i32.const 56)))
            (br $judged))))
      (local.set $one (i32.add (local.get $one) (i32.const 336)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br $next)))
    (local.set $at (call $alloc (i32.const 4) (i32.const 12)))
    (i32.store8 (local.get $at) (i32.const 0))
    (i32.store offset=4 (local.get $at) (local.get $verdicts))
    (i32.store offset=8 (local.get $at)
      (i32.div_u (i32.sub (local.get $verdict) (local.get $verdicts)) (i32.const 56)))
    (local.get $at))

  (func $labelled (param $pair i32) (param $count i32) (result i32)
    (loop $next
      (if (i32.eqz (local.get $count)) (then (return (i32.const 0))))
      (if (call $equal (i32.load (local.get $pair)) (i32.load offset=4 (local.get $pair)) (global.get $keep) (global.get $keep_len))
        (then (return (i32.const 1))))
      (local.set $pair (i32.add (local.get $pair) (i32.const 16)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br $next))
    unreachable)

  (func $hours (param $age i64) (result i32)
    (local $hours i64)
    (local.set $hours (i64.div_s (local.get $age) (i64.const 3600000)))
    (if (result i32) (i64.gt_s (local.get $hours) (i64.const 0x7fffffff))
      (then (i32.const 0x7fffffff))
      (else (i32.wrap_i64 (local.get $hours)))))

  ;; context: 96 bytes; then failure: failure 444 (0 is transient), attempt 468.
  ;; result: 0 is ok; action 8 (0 is no opinion; 1 gives up: reason 16; 2 waits: delay 16, escalate 24).
  (func (export "retry") (param $asked i32) (result i32)
    (local $at i32) (local $attempt i32)
    (local.set $at (call $alloc (i32.const 8) (i32.const 32)))
    (i32.store8 (local.get $at) (i32.const 0))
    (i32.store8 offset=8 (local.get $at) (i32.const 0))
    (if (i32.load8_u offset=444 (local.get $asked)) (then (return (local.get $at))))
    (local.set $attempt (i32.load offset=468 (local.get $asked)))
    (if (i32.ge_u (local.get $attempt) (i32.const 4))
      (then
        (i32.store8 offset=8 (local.get $at) (i32.const 1))
        (call $put_text (i32.add (local.get $at) (i32.const 16)) (i32.const 0x2e0))
        (return (local.get $at))))
    (i32.store8 offset=8 (local.get $at) (i32.const 2))
    (i64.store offset=16 (local.get $at) (i64.mul (i64.extend_i32_u (local.get $attempt)) (i64.const 1000)))
    (i32.store8 offset=24 (local.get $at) (i32.const 0))
    (local.get $at))
)
