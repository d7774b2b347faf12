#include "services/base/http/probes.h"

#include <prometheus/collectable.h>
#include <prometheus/text_serializer.h>

#include <string>
#include <utility>

namespace z4j {

HttpServer::Handler MakeProbes(std::vector<const prometheus::Collectable*> metrics,
                               std::function<std::string()> not_ready) {
  return [metrics = std::move(metrics),
          not_ready = std::move(not_ready)](const std::string& path) -> HttpAnswer {
    if (path == "/metrics") {
      std::string text;
      for (const prometheus::Collectable* some : metrics) {
        text += prometheus::TextSerializer().Serialize(some->Collect());
      }
      return {200, "text/plain; version=0.0.4; charset=utf-8", std::move(text)};
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
