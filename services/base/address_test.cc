#include "services/base/address.h"

#include <gtest/gtest.h>

namespace z4j {
namespace {

TEST(AddressTest, OnlyWhatNoOtherMachineReachesIsLoopback) {
  for (const char* address :
       {"127.0.0.1:7801", "127.1.2.3:0", "localhost:1", "[::1]:7801", "unix:/run/z4j.sock"}) {
    EXPECT_TRUE(IsLoopback(address)) << address;
  }
  for (const char* address : {"0.0.0.0:7801", "[::]:7801", "10.0.0.1:7801", "localhost.evil:1",
                              "127.example.com:1", ":7801", ""}) {
    EXPECT_FALSE(IsLoopback(address)) << address;
  }
}

}  // namespace
}  // namespace z4j
