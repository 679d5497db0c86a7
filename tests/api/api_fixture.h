/* The API over the fake engine on a free port of this machine, and one-line requests to it. */
#ifndef MYNEWS_TESTS_API_API_FIXTURE_H
#define MYNEWS_TESTS_API_API_FIXTURE_H

#include "tests/api/http/client.h"

#include "api/api.h"

struct api_fixture {
	struct api api;
	struct config config;
	uint16_t port;
	struct reply reply; /* of the last request */
	struct buf body;
};
extern struct api_fixture fix;

/* config: a settings file's text, or NULL for none. */
void fix_start(const char *config);
void fix_stop(void);

/* Sends "METHOD /path" with header lines ("A: b\r\n", may be "") and a body (may be NULL; then JSON unless the headers
 * say otherwise) and waits for the answer. Returns its status. */
unsigned fix_ask(const char *method_and_path, const char *headers, const char *body);
/* The same, failing the test unless status and a part of the body (may be NULL) are as expected. */
void fix_expect(const char *method_and_path, const char *headers, const char *body, unsigned status, const char *part);
/* The value of a string member of the last answer's object. Static memory. */
const char *fix_member(const char *name);

#endif
