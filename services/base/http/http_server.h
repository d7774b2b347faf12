#ifndef Z4J_BASE_HTTP_HTTP_SERVER_H_
#define Z4J_BASE_HTTP_HTTP_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace z4j {

inline constexpr absl::Duration kHttpTimeout = absl::Seconds(15);  // Of a slow or silent client.

struct HttpAnswer {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// A small HTTP/1.1 server for GET and HEAD, on one thread: connections cost memory, not threads.
// Requests over 8 KiB and clients slower than kHttpTimeout are cut off.
class HttpServer {
 public:
  // Answers the request for `path` ("/metrics", without the query).  On the server's thread; must
  // not block.
  using Handler = std::function<HttpAnswer(const std::string& path)>;

  // UNAVAILABLE if it cannot listen on `listen` ("127.0.0.1:7800"; port 0 picks one).
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const std::string& listen,
                                                           Handler handler);
  ~HttpServer();  // Stops.

  int port() const;
  // Closes every connection and joins the thread.  Idempotent.
  void Stop();

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace z4j

#endif  // Z4J_BASE_HTTP_HTTP_SERVER_H_
