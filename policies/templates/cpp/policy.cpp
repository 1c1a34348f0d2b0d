// The policy max-age: deletes what ended, and stops what runs, once it is older than allowed.
//
// It uses the bindings for C: the generator for C++ lays variants out wrongly, and so returns wrong verdicts. An instance
// serves one call of the engine and is then dropped, so nothing is freed, and texts that are returned may be constants or
// the engine's own.

#include "gen/policy.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

using namespace std::literals;
using Resource = tbengine_policy_types_resource_t;
using Action = tbengine_policy_verdicts_action_t;

namespace {

constexpr uint64_t HOUR = 3'600'000;

uint64_t older_than = 0;
policy_string_t keep_label;

policy_string_t text(std::string_view view) {
  return {reinterpret_cast<uint8_t *>(const_cast<char *>(view.data())), view.size()};
}

std::string_view view(policy_string_t text) { return {reinterpret_cast<const char *>(text.ptr), text.len}; }

tbengine_policy_types_param_t param(std::string_view name, tbengine_policy_types_param_type_t type, std::string_view value,
                                    std::string_view doc) {
  return {text(name), type, text(doc), {true, text(value)}, false};
}

std::optional<Action> judge(uint64_t now, const Resource &one) {
  Action action{};
  for (size_t i = 0; i < one.labels.len; i++) {
    if (view(one.labels.ptr[i].f0) == view(keep_label)) {
      action.tag = TBENGINE_POLICY_VERDICTS_ACTION_KEEP;
      action.val.keep = text("labelled to be kept"sv);
      return action;
    }
  }
  if (!one.created.is_some && !one.arrived.is_some) return std::nullopt;
  const uint64_t since = std::max(one.created.is_some ? one.created.val : 0, one.arrived.is_some ? one.arrived.val : 0);
  if (since > now || now - since <= older_than) return std::nullopt;
  const uint64_t age = now - since;
  const auto oldest_first = static_cast<int32_t>(std::min<uint64_t>(age / HOUR, INT32_MAX));
  const auto reason = text("older than allowed"sv);
  switch (one.state) {
    case TBENGINE_POLICY_TYPES_STATE_CREATED:
    case TBENGINE_POLICY_TYPES_STATE_EXITED:
    case TBENGINE_POLICY_TYPES_STATE_STOPPED:
    case TBENGINE_POLICY_TYPES_STATE_FAILED:
    case TBENGINE_POLICY_TYPES_STATE_DEAD:
      action.tag = TBENGINE_POLICY_VERDICTS_ACTION_DELETE;
      action.val.delete_ = {reason, TBENGINE_POLICY_TYPES_FORCE_NEVER, {false, 0}, oldest_first, false};
      return action;
    case TBENGINE_POLICY_TYPES_STATE_RUNNING:
    case TBENGINE_POLICY_TYPES_STATE_PAUSED:
      action.tag = TBENGINE_POLICY_VERDICTS_ACTION_STOP;
      action.val.stop = {reason, {true, 5'000}, oldest_first};
      return action;
    default:
      return std::nullopt;
  }
}

}  // namespace

void exports_tbengine_policy_setup_describe(exports_tbengine_policy_setup_description_t *ret) {
  static tbengine_policy_types_param_t params[] = {
      param("older-than"sv, TBENGINE_POLICY_TYPES_PARAM_TYPE_DURATION, "24h"sv, "How old is too old."sv),
      param("keep-label"sv, TBENGINE_POLICY_TYPES_PARAM_TYPE_TEXT, "keep"sv,
            "What carries this label is kept, whatever its value."sv),
  };
  *ret = {text("max-age"sv), text("1.0.0"sv),
          text("Deletes what ended, and stops what runs, once it is older than allowed."sv),
          {params, std::size(params)}, TBENGINE_POLICY_TYPES_JUDGING_EACH};
}

bool exports_tbengine_policy_setup_configure(exports_tbengine_policy_setup_pairs_t *config,
                                             exports_tbengine_policy_setup_interest_t *ret,
                                             exports_tbengine_policy_setup_list_config_error_t *err) {
  for (size_t i = 0; i < config->len; i++) {
    const auto name = view(config->ptr[i].f0), value = view(config->ptr[i].f1);
    if (name == "older-than"sv) std::from_chars(value.data(), value.data() + value.size(), older_than);
    if (name == "keep-label"sv) keep_label = config->ptr[i].f1;
  }
  if (older_than == 0) {
    static tbengine_policy_types_config_error_t complaint{text("older-than"sv), text("must be more than nothing"sv)};
    *err = {&complaint, 1};
    return false;
  }
  *ret = {};
  ret->labels.tag = TBENGINE_POLICY_TYPES_SELECTION_EVERYTHING;
  ret->attrs.tag = TBENGINE_POLICY_TYPES_SELECTION_EVERYTHING;
  return true;
}

bool exports_tbengine_policy_hooks_decide(exports_tbengine_policy_hooks_context_t *context,
                                          exports_tbengine_policy_hooks_list_resource_t *resources,
                                          exports_tbengine_policy_hooks_list_verdict_t *ret, policy_string_t *) {
  ret->ptr = new exports_tbengine_policy_hooks_verdict_t[resources->len + 1];
  ret->len = 0;
  for (const Resource *one = resources->ptr; one != resources->ptr + resources->len; one++) {
    if (const auto action = judge(context->now, *one)) ret->ptr[ret->len++] = {one->id, *action};
  }
  return true;
}

bool exports_tbengine_policy_hooks_retry(exports_tbengine_policy_hooks_context_t *,
                                         exports_tbengine_policy_hooks_failure_t *failure,
                                         exports_tbengine_policy_hooks_retry_action_t *ret, policy_string_t *) {
  ret->tag = TBENGINE_POLICY_TYPES_RETRY_ACTION_NO_OPINION;
  if (failure->failure != TBENGINE_POLICY_TYPES_FAILURE_KIND_TRANSIENT) return true;
  if (failure->attempt >= 4) {
    ret->tag = TBENGINE_POLICY_TYPES_RETRY_ACTION_GIVE_UP;
    ret->val.give_up = text("tried often enough"sv);
  } else {
    ret->tag = TBENGINE_POLICY_TYPES_RETRY_ACTION_AFTER;
    ret->val.after = {failure->attempt * 1'000, false};
  }
  return true;
}
