#include "apiserver/api_parts.h"

void about_health(struct api_request *r)
{
    r->reply->content_type = "application/json";
    str_add(&r->reply->body, "{\"status\":\"healthy\",\"service\":\"carrel\"}\n");
}

void about_version(struct api_request *r)
{
    r->reply->content_type = "application/json";
    str_add(&r->reply->body, "{\"version\":");
    str_add_json(&r->reply->body, r->api->config.version);
    str_add(&r->reply->body, ",\"api\":\"v1\"}\n");
}
