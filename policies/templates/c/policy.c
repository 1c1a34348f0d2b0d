// The policy max-age: deletes what ended, and stops what runs, once it is older than allowed.
//
// An instance serves one call of the engine and is then dropped, so nothing is freed, and texts that are returned may be
// constants or the engine's own.

#include "gen/policy.h"

#include <stdlib.h>
#include <string.h>

#define TEXT(literal) ((policy_string_t){(uint8_t *)(literal), sizeof(literal) - 1})
static const uint64_t HOUR = 3600000;

static uint64_t older_than;
static policy_string_t keep_label;

static bool equal(policy_string_t a, policy_string_t b) {
  return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

void exports_tbengine_policy_setup_describe(exports_tbengine_policy_setup_description_t *ret) {
  static tbengine_policy_types_param_t params[2];
  params[0] = (tbengine_policy_types_param_t){
      .name = TEXT("older-than"),
      .type = TBENGINE_POLICY_TYPES_PARAM_TYPE_DURATION,
      .doc = TEXT("How old is too old."),
      .default_ = {true, TEXT("24h")},
  };
  params[1] = (tbengine_policy_types_param_t){
      .name = TEXT("keep-label"),
      .type = TBENGINE_POLICY_TYPES_PARAM_TYPE_TEXT,
      .doc = TEXT("What carries this label is kept, whatever its value."),
      .default_ = {true, TEXT("keep")},
  };
  *ret = (exports_tbengine_policy_setup_description_t){
      .name = TEXT("max-age"),
      .version = TEXT("1.0.0"),
      .summary = TEXT("Deletes what ended, and stops what runs, once it is older than allowed."),
      .params = {params, 2},
      .judging = TBENGINE_POLICY_TYPES_JUDGING_EACH,
  };
}

bool exports_tbengine_policy_setup_configure(exports_tbengine_policy_setup_pairs_t *config,
                                             exports_tbengine_policy_setup_interest_t *ret,
                                             exports_tbengine_policy_setup_list_config_error_t *err) {
  for (size_t i = 0; i < config->len; i++) {
    policy_string_t name = config->ptr[i].f0, value = config->ptr[i].f1;
    if (equal(name, TEXT("older-than"))) {
      older_than = 0;
      for (size_t digit = 0; digit < value.len; digit++) older_than = older_than * 10 + (value.ptr[digit] - '0');
    } else if (equal(name, TEXT("keep-label"))) {
      keep_label = value;
    }
  }
  if (older_than == 0) {
    static tbengine_policy_types_config_error_t complaint;
    complaint = (tbengine_policy_types_config_error_t){TEXT("older-than"), TEXT("must be more than nothing")};
    *err = (exports_tbengine_policy_setup_list_config_error_t){&complaint, 1};
    return false;
  }
  *ret = (exports_tbengine_policy_setup_interest_t){
      .labels = {.tag = TBENGINE_POLICY_TYPES_SELECTION_EVERYTHING},
      .attrs = {.tag = TBENGINE_POLICY_TYPES_SELECTION_EVERYTHING},
  };
  return true;
}

// Whether there is a verdict; its id is set already.
static bool judge(uint64_t now, const tbengine_policy_types_resource_t *one, tbengine_policy_verdicts_action_t *ret) {
  for (size_t i = 0; i < one->labels.len; i++) {
    if (equal(one->labels.ptr[i].f0, keep_label)) {
      ret->tag = TBENGINE_POLICY_VERDICTS_ACTION_KEEP;
      ret->val.keep = TEXT("labelled to be kept");
      return true;
    }
  }
  if (!one->created.is_some && !one->arrived.is_some) return false;
  uint64_t since = one->created.is_some ? one->created.val : 0;
  if (one->arrived.is_some && one->arrived.val > since) since = one->arrived.val;
  if (since > now || now - since <= older_than) return false;
  uint64_t age = now - since;
  uint64_t hours = age / HOUR;
  int32_t oldest_first = hours > INT32_MAX ? INT32_MAX : (int32_t)hours;
  switch (one->state) {
    case TBENGINE_POLICY_TYPES_STATE_CREATED:
    case TBENGINE_POLICY_TYPES_STATE_EXITED:
    case TBENGINE_POLICY_TYPES_STATE_STOPPED:
    case TBENGINE_POLICY_TYPES_STATE_FAILED:
    case TBENGINE_POLICY_TYPES_STATE_DEAD:
      ret->tag = TBENGINE_POLICY_VERDICTS_ACTION_DELETE;
      ret->val.delete_ = (tbengine_policy_verdicts_delete_options_t){
          .reason = TEXT("older than allowed"),
          .force = TBENGINE_POLICY_TYPES_FORCE_NEVER,
          .priority = oldest_first,
      };
      return true;
    case TBENGINE_POLICY_TYPES_STATE_RUNNING:
    case TBENGINE_POLICY_TYPES_STATE_PAUSED:
      ret->tag = TBENGINE_POLICY_VERDICTS_ACTION_STOP;
      ret->val.stop = (tbengine_policy_verdicts_stop_options_t){
          .reason = TEXT("older than allowed"),
          .grace_ms = {true, 5000},
          .priority = oldest_first,
      };
      return true;
    default:
      return false;
  }
}

bool exports_tbengine_policy_hooks_decide(exports_tbengine_policy_hooks_context_t *context,
                                          exports_tbengine_policy_hooks_list_resource_t *resources,
                                          exports_tbengine_policy_hooks_list_verdict_t *ret, policy_string_t *err) {
  ret->len = 0;
  ret->ptr = calloc(resources->len + 1, sizeof *ret->ptr);
  if (!ret->ptr) {
    *err = TEXT("out of memory");
    return false;
  }
  for (size_t i = 0; i < resources->len; i++) {
    tbengine_policy_verdicts_verdict_t *verdict = &ret->ptr[ret->len];
    verdict->id = resources->ptr[i].id;
    if (judge(context->now, &resources->ptr[i], &verdict->action)) ret->len++;
  }
  return true;
}

bool exports_tbengine_policy_hooks_retry(exports_tbengine_policy_hooks_context_t *context,
                                         exports_tbengine_policy_hooks_failure_t *failure,
                                         exports_tbengine_policy_hooks_retry_action_t *ret, policy_string_t *err) {
  (void)context, (void)err;
  ret->tag = TBENGINE_POLICY_TYPES_RETRY_ACTION_NO_OPINION;
  if (failure->failure != TBENGINE_POLICY_TYPES_FAILURE_KIND_TRANSIENT) return true;
  if (failure->attempt >= 4) {
    ret->tag = TBENGINE_POLICY_TYPES_RETRY_ACTION_GIVE_UP;
    ret->val.give_up = TEXT("tried often enough");
    return true;
  }
  ret->tag = TBENGINE_POLICY_TYPES_RETRY_ACTION_AFTER;
  ret->val.after = (tbengine_policy_types_wait_t){.delay_ms = failure->attempt * 1000, .escalate = false};
  return true;
}
