#include "services/base/http/probes.h"

#include <prometheus/collectable.h>
#include <prometheus/text_serializer.h>

#include <utility>

namespace z4j {

HttpServer::Handler MakeProbes(prometheus::Collectable& metrics,
                               std::function<std::string()> not_ready) {
  return [&metrics, not_ready = std::move(not_ready)](const std::string& path) -> HttpAnswer {
    if (path == "/metrics") {
      return {200, "text/plain; version=0.0.4; charset=utf-8",
              prometheus::TextSerializer().Serialize(metrics.Collect())};
    }
    if (path == "/livez") return {200, "text/plain; charset=utf-8", "ok\n"};
    if (path == "/readyz") {
      const std::string reason = not_ready();
      if (reason.empty()) return {200, "text/plain; charset=utf-8", "ok\n"};
      return {503, "text/plain; charset=utf-8", reason + "\n"};
    }
    return {404, "text/plain; charset=utf-8", "there are /metrics, /livez and /readyz\n"};
  };
}

}  // namespace z4j
