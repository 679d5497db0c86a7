/* Any bytes as a log of clicks. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "api/eval_clicks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct eval_clicks *c = NULL;
	struct mind_problem problem = {""};
	char path[64];
	int fd = memfd_create("clicks", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int r = eval_clicks_load(path, &c, &problem);
	if (r == 0) {
		assert(c->n_clicks > 0 && c->n_users <= c->n_clicks && c->n_articles <= c->n_clicks);
		for (size_t i = 0; i < c->n_clicks; i++) {
			assert(c->clicks[i].at_ms > 0 && (i == 0 || c->clicks[i - 1].at_ms <= c->clicks[i].at_ms));
			assert(c->clicks[i].user < c->n_users && c->clicks[i].article < c->n_articles);
		}
		for (size_t i = 0; i < c->n_users; i++)
			assert(c->users[i].len > 0 && c->users[i].len <= LIMIT_ID_BYTES);
	} else {
		assert(r == 1 && problem.text[0] && memchr(problem.text, '\0', sizeof(problem.text)));
	}
	eval_clicks_free(c);
	close(fd);
	return 0;
}
