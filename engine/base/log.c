#include "engine/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "engine/base/rfc3339.h"

static int log_fd = 2;
static enum log_level log_least = LOG_INFO;

void log_setup(int fd, enum log_level level)
{
	log_fd = fd;
	log_least = level;
}

void log_line(int64_t now_ms, enum log_level level, const char *event, const char *format, ...)
{
	static const char *names[] = {"debug", "info", "warn", "error"};
	if (level < log_least)
		return;
	char line[4096], when[RFC3339_BYTES + 1];
	size_t room = sizeof(line) - 2;
	rfc3339_format(now_ms, when);
	int len = snprintf(line, room, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", when, names[level], event);
	if (len < 0 || (size_t)len >= room)
		return;
	size_t used = (size_t)len;
	if (format) {
		va_list args;
		va_start(args, format);
		line[used] = ',';
		int more = vsnprintf(line + used + 1, room - used - 1, format, args);
		va_end(args);
		if (more >= 0 && (size_t)more < room - used - 1) /* fields that do not fit are left out whole */
			used += (size_t)more + 1;
	}
	line[used++] = '}';
	line[used++] = '\n';
	ssize_t unused = write(log_fd, line, used);
	(void)unused;
}
