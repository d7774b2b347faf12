#include "services/scheduler/core/engine_fit.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/edit_distance.h"
#include "services/base/field_error.h"

namespace z4j::scheduler {
namespace {

using Faults = std::vector<FieldViolation>;
using Types = std::map<std::string, std::string>;

bool HasType(const std::string& text, const std::string& type) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return false;
  if (type == "string") return json.is_string();
  if (type == "integer") return json.is_number_integer();
  if (type == "number") return json.is_number();
  if (type == "boolean") return json.is_boolean();
  if (type == "object") return json.is_object();
  if (type == "array") return json.is_array();
  return true;  // A type of a newer adapter.
}

// "; did you mean 'time_limit'?" if a name is near enough, else nothing.
std::string Suggestion(const std::string& name, const Types& options) {
  const auto nearest =
      std::min_element(options.begin(), options.end(), [&](const auto& a, const auto& b) {
        return EditDistance(name, a.first) < EditDistance(name, b.first);
      });
  // A third of the letters: more is another word.
  if (EditDistance(name, nearest->first) * 3 > static_cast<int>(nearest->first.size())) return "";
  return absl::StrCat("; did you mean '", nearest->first, "'?");
}

Faults FaultsOf(const Schedule& schedule, const EngineOffer& offer) {
  Faults faults;
  for (const auto& [name, value] : schedule.engine_options) {
    if (offer.options.empty()) break;
    const std::string path = absl::StrCat("engine_options.", name);
    const auto type = offer.options.find(name);
    if (type == offer.options.end()) {
      const std::string suggestion = Suggestion(name, offer.options);
      faults.push_back(
          {path,
           absl::StrCat("is no option of ", schedule.engine, suggestion,
                        suggestion.empty() ? "; " : " ", "Name (type) of each: ",
                        absl::StrJoin(offer.options, "), ", absl::PairFormatter(" (")), ")")});
    } else if (!HasType(value, type->second)) {
      faults.push_back({path, absl::StrCat("must be a JSON ", type->second)});
    }
  }
  if (schedule.priority != 0 && !offer.priority) {
    faults.push_back({"priority", absl::StrCat(schedule.priority, " has no effect: ",
                                               schedule.engine, " as it is connected has no ",
                                               "priorities; leave it at 0, or use a queue that "
                                               "workers prefer")});
  }
  if (schedule.expires > absl::ZeroDuration() && !offer.expires) {
    faults.push_back({"expires", absl::StrCat(absl::FormatDuration(schedule.expires),
                                              " has no effect: ", schedule.engine,
                                              " as it is connected drops no expired task; leave "
                                              "it out")});
  }
  return faults;
}

bool Publishes(const std::vector<std::string>& queues, const std::string& queue) {
  return queue.empty() || queues.empty() ||
         std::find(queues.begin(), queues.end(), queue) != queues.end();
}

bool Holds(const Types& labels, const Types& wanted) {
  return std::includes(labels.begin(), labels.end(), wanted.begin(), wanted.end());
}

// "labels region=eu, tier=a", and no more of them than a line has room for.
std::string LabelsText(const Types& labels) {
  constexpr int kShown = 3;
  std::vector<std::string> shown;
  for (const auto& [name, value] : labels) {
    if (shown.size() < kShown) shown.push_back(absl::StrCat(name, "=", value));
  }
  const size_t more = labels.size() - shown.size();
  return absl::StrCat(labels.size() == 1 ? "label " : "labels ", absl::StrJoin(shown, ", "),
                      more == 0 ? "" : absl::StrCat(" and ", more, " more"));
}

}  // namespace

Route RouteOf(const Schedule& schedule) {
  return {schedule.engine, schedule.queue, schedule.adapter_labels};
}

bool MayTake(const Route& route, const std::vector<std::string>& queues,
             const std::map<std::string, std::string>& labels) {
  return Publishes(queues, route.queue) && Holds(labels, route.labels);
}

std::string WhyNobody(const Route& route, const EngineOffers& offers) {
  const auto found = offers.find(route.engine);
  if (found == offers.end() || found->second.empty()) {
    return absl::StrCat("no adapter for ", route.engine, " is connected");
  }
  bool publishes = false, holds = false, takes = false;
  for (const EngineOffer& offer : found->second) {
    const bool publishes_this = Publishes(offer.queues, route.queue);
    const bool holds_this = Holds(offer.labels, route.labels);
    publishes |= publishes_this;
    holds |= holds_this;
    takes |= publishes_this && holds_this;
    if (publishes_this && holds_this && !offer.leaving) return "";
  }
  if (takes) {
    return absl::StrCat("every adapter for ", route.engine, " that could take it is being stopped");
  }
  const std::string queue = absl::StrCat("publishes to queue '", route.queue, "'");
  const std::string labels = absl::StrCat("has the ", LabelsText(route.labels));
  std::string lacking = absl::StrCat(queue, " and ", labels);
  if (!publishes && holds) lacking = queue;
  if (publishes && !holds) lacking = labels;
  return absl::StrCat("no connected adapter for ", route.engine, " ", lacking,
                      "; start one that does, or change the schedule");
}

absl::Status CheckEngineFit(const Schedule& schedule, const EngineOffers& offers) {
  const auto found = offers.find(schedule.engine);
  if (found == offers.end()) return absl::OkStatus();
  const Route route = RouteOf(schedule);
  Faults fewest;
  for (const EngineOffer& offer : found->second) {
    if (!MayTake(route, offer.queues, offer.labels)) continue;
    Faults faults = FaultsOf(schedule, offer);
    if (faults.empty()) return absl::OkStatus();
    if (fewest.empty() || faults.size() < fewest.size()) fewest = std::move(faults);
  }
  // None may take its fires: nothing is known of one that may.
  return fewest.empty() ? absl::OkStatus() : FieldError(std::move(fewest));
}

bool EngineFitDiffers(const Schedule& a, const Schedule& b) {
  return RouteOf(a) != RouteOf(b) || a.engine_options != b.engine_options ||
         a.priority != b.priority || a.expires != b.expires;
}

}  // namespace z4j::scheduler
