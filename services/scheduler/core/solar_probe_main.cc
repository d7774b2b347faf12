// Prints the solar events of places, for tests that compare them with other programs.
//
// Reads one JSON object a line, {"event": 4, "latitude": 52.5, "longitude": 13.4, "after": 0,
// "until": 1000000}, with the event as in SolarEvent and Unix microseconds; answers each with a
// line [instant, ...] of the events in (after, until].

#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "services/scheduler/core/solar.h"

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const auto in = nlohmann::json::parse(line);
    const auto recurrence = z4j::scheduler::CompileSolar(
        {.event = static_cast<z4j::scheduler::SolarEvent>(in["event"].get<int>()),
         .latitude = in["latitude"].get<double>(),
         .longitude = in["longitude"].get<double>(),
         .offset = absl::ZeroDuration()});
    if (!recurrence.ok()) {
      std::cerr << recurrence.status() << "\n";
      return 1;
    }
    auto out = nlohmann::json::array();
    const absl::Time until = absl::FromUnixMicros(in["until"].get<int64_t>());
    absl::Time time = (*recurrence)->NextAfter(absl::FromUnixMicros(in["after"].get<int64_t>()));
    for (; time <= until; time = (*recurrence)->NextAfter(time)) {
      out.push_back(absl::ToUnixMicros(time));
    }
    std::cout << out.dump() << "\n";
  }
}
