/* The operator's log: one JSON object a line, on one file descriptor, each line one write. Used by api/ only; library
 * code reports through return values. Never give it a key, a token or a body. */
#ifndef MYNEWS_BASE_LOG_H
#define MYNEWS_BASE_LOG_H

#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Lines below `level` are dropped. fd is borrowed. Call before threads start. */
void log_setup(int fd, enum log_level level);
/* {"time":...,"level":...,"event":EVENT, ...fields}. `format` writes the fields as JSON members, e.g. "\"port\":%d",
 * or is NULL. Any thread. */
void log_line(int64_t now_ms, enum log_level level, const char *event, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
