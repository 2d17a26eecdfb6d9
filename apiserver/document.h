/* apiserver/document.h: docs/openapi.yaml and the page that shows it, built into the program. */
#pragma once

#include "apiserver/route.h"

/* The document as JSON, made from the YAML at the first call; never NULL. Any thread. */
const char *document_json(void);

void document_openapi(struct api_request *r);
void document_page(struct api_request *r);
void document_script(struct api_request *r);
