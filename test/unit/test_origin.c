#include "apiserver/origin.h"

#include "test/check.h"

TEST(origin, a_page_of_our_own_has_our_host_and_port)
{
    CHECK(origin_is_own("http://localhost:8080", "localhost:8080"));
    CHECK(origin_is_own("https://Carrel.example", "carrel.example"));
    CHECK(!origin_is_own("http://localhost:3000", "localhost:8080"));
    CHECK(!origin_is_own("http://localhost:8080.evil.example", "localhost:8080"));
    CHECK(!origin_is_own("null", "null"));
    CHECK(!origin_is_own("http://", ""));
}

TEST(origin, others_stand_in_a_list)
{
    CHECK(origin_is_listed("https://b.example", "https://a.example,https://b.example"));
    CHECK(origin_is_listed("https://x.example", "*"));
    CHECK(!origin_is_listed("https://b.example", "https://a.example,https://b.example.org"));
    CHECK(!origin_is_listed("https://b.example", ""));
    CHECK(!origin_is_listed("", "https://a.example"));
    CHECK(!origin_is_listed("http://b.example", "https://b.example"));
}

TEST(origin, this_machine_has_few_names)
{
    CHECK(host_is_loopback("localhost"));
    CHECK(host_is_loopback("LOCALHOST:80"));
    CHECK(host_is_loopback("127.0.0.1:8080"));
    CHECK(host_is_loopback("[::1]:8080"));
    CHECK(!host_is_loopback("localhost.evil.example"));
    CHECK(!host_is_loopback("127.0.0.1.evil.example"));
    CHECK(!host_is_loopback("localhost:"));
    CHECK(!host_is_loopback("localhost:80x"));
    CHECK(!host_is_loopback("evil.example"));
    CHECK(!host_is_loopback(""));
}
