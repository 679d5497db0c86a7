/* mynews bench: load on a server of this machine, and what it answers.
 *
 *     mynews bench --url http://127.0.0.1:8080 --rate 1000 --what mixed        latency at a fixed rate
 *     mynews bench --url http://127.0.0.1:8080 --rate max --what events        the most that it takes
 *
 * Readers are bench-0.. and articles bench-a0.., as bench/gen_articles.c writes them; a feed answers any reader. */
#include "api/commands.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api/load.h"

enum { HOST_BYTES = 128 };

static double percentile_ms(const uint32_t *values, size_t n, double p)
{
	return n == 0 ? 0 : values[(size_t)(p * (double)(n - 1) + 0.5)] / 1000.0;
}

static void print_results(const struct load_result *r, bool json)
{
	const double at[] = {.5, .9, .99, .999, 1};
	double seconds = r->seconds > 0 ? r->seconds : 1e-9, ms[5], late_ms = percentile_ms(r->late_us, r->n_late, .99);
	for (int i = 0; i < 5; i++)
		ms[i] = percentile_ms(r->latency_us, r->n_answers, at[i]);
	if (json) {
		printf("{\"requests\":%zu,\"errors\":%llu,\"status_2xx\":%llu,\"status_4xx\":%llu,\"status_5xx\":%llu,"
		       "\"seconds\":%.3f,\"requests_per_s\":%.1f,\"bytes\":%llu,\"events\":%llu,\"events_per_s\":%.1f,"
		       "\"events_not_accepted\":%llu,\"p50_ms\":%.3f,\"p90_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f,"
		       "\"max_ms\":%.3f,\"sent_late_p99_ms\":%.3f}\n",
		       r->n_answers, (unsigned long long)r->n_lost, (unsigned long long)r->n_statuses[2],
		       (unsigned long long)r->n_statuses[4], (unsigned long long)r->n_statuses[5], seconds,
		       (double)r->n_answers / seconds, (unsigned long long)r->n_bytes, (unsigned long long)r->n_events,
		       (double)r->n_events / seconds, (unsigned long long)r->n_events_other, ms[0], ms[1], ms[2], ms[3], ms[4], late_ms);
		return;
	}
	printf("%zu answers, %.1f a second, %llu lost; 2xx %llu, 4xx %llu, 5xx %llu\n", r->n_answers,
	       (double)r->n_answers / seconds, (unsigned long long)r->n_lost, (unsigned long long)r->n_statuses[2],
	       (unsigned long long)r->n_statuses[4], (unsigned long long)r->n_statuses[5]);
	if (r->n_events + r->n_events_other)
		printf("%llu events accepted, %.1f a second; %llu not accepted\n", (unsigned long long)r->n_events,
		       (double)r->n_events / seconds, (unsigned long long)r->n_events_other);
	if (r->n_events_other)
		printf("events are of the articles bench-a0, bench-a1, ... (as many as --articles says): send those first\n");
	printf("%s: p50 %.3f ms, p90 %.3f ms, p99 %.3f ms, p99.9 %.3f ms, max %.3f ms\n",
	       r->n_late ? "from the intended start" : "from the actual start", ms[0], ms[1], ms[2], ms[3], ms[4]);
	if (r->n_late && late_ms > 1)
		printf("the generator itself was late: p99 %.3f ms\n", late_ms);
}

/* http://127.0.0.1:PORT or http://[::1]:PORT: numeric, and this machine alone. */
static bool read_url(struct load_config *f, char host_out[HOST_BYTES], const char *url)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&f->address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&f->address;
	char host[64];
	int end = 0;
	bool is_v6 = sscanf(url, "http://[%63[0-9a-fA-F:]]%n", host, &end) == 1 && end > 0;
	if (!is_v6 && sscanf(url, "http://%63[0-9a-z.]%n", host, &end) != 1)
		return false;
	unsigned long port = 80;
	const char *rest = url + end;
	if (*rest == ':') {
		port = strtoul(rest + 1, NULL, 10);
		rest += 1 + strspn(rest + 1, "0123456789");
	}
	if (port == 0 || port > UINT16_MAX || (*rest && strcmp(rest, "/") != 0))
		return false;
	if (strcmp(host, "localhost") == 0)
		snprintf(host, sizeof(host), "127.0.0.1");
	snprintf(host_out, HOST_BYTES, is_v6 ? "[%s]:%lu" : "%s:%lu", host, port);
	if (is_v6) {
		*v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
		f->address_len = sizeof(*v6);
		return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
	}
	*v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	f->address_len = sizeof(*v4);
	return inet_pton(AF_INET, host, &v4->sin_addr) == 1 && ntohl(v4->sin_addr.s_addr) >> 24 == 127;
}

static bool read_number(const char *name, const char *text, double least, double most, double *out)
{
	char *end;
	if (!text)
		return true;
	double value = strtod(text, &end);
	if (*end == '\0' && value >= least && value <= most) {
		*out = value;
		return true;
	}
	fprintf(stderr, "mynews bench: %s takes a number from %g to %g\n", name, least, most);
	return false;
}

static uint64_t random_seed(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return ((uint64_t)t.tv_sec << 20) ^ (uint64_t)t.tv_nsec;
}

static bool read_mix(const char *what, double *events_share)
{
	static const struct {
		const char *name;
		double share;
	} mixes[] = {{"get", 0}, {"events", 1}, {"mixed", .1}};
	for (size_t i = 0; i < sizeof(mixes) / sizeof(mixes[0]); i++)
		if (!what || strcmp(what, mixes[i].name) == 0) {
			*events_share = mixes[i].share;
			return true;
		}
	fputs("mynews bench: --what takes get (of --path), events (with ids) or mixed (one request in ten is of events)\n", stderr);
	return false;
}

int cmd_bench(int argc, char **argv)
{
	enum { URL, RATE, SECONDS, CONNECTIONS, PIPELINE, USERS, SKEW, ARTICLES, WHAT, BATCH, PATH, KEY, SEED, JSON };
	struct option_value o[] = {{.name = "--url"}, {.name = "--rate"}, {.name = "--seconds"}, {.name = "--connections"},
	                           {.name = "--pipeline"}, {.name = "--users"}, {.name = "--skew"}, {.name = "--articles"},
	                           {.name = "--what"}, {.name = "--batch"}, {.name = "--path"}, {.name = "--key"},
	                           {.name = "--seed"}, {.name = "--json", .is_flag = true}, {0}};
	struct load_config f = {.path = "/v1/users/{user}/feed?limit=20"};
	struct load_result result;
	char host[HOST_BYTES];
	double rate = 100, seconds = 10, connections = 50, pipeline = 1, users = 1000, articles = 1000, batch = 1, seed = 0;
	int r = options_parse("bench", argc, argv, o);
	if (r != 0)
		return r;
	bool most = o[RATE].value && strcmp(o[RATE].value, "max") == 0;
	if ((!most && !read_number("--rate", o[RATE].value, 0.1, 1e6, &rate)) ||
	    !read_number("--seconds", o[SECONDS].value, 0.1, 86400, &seconds) ||
	    !read_number("--connections", o[CONNECTIONS].value, 1, 10000, &connections) ||
	    !read_number("--pipeline", o[PIPELINE].value, 1, LOAD_PIPELINE_MAX, &pipeline) ||
	    !read_number("--users", o[USERS].value, 1, 1e9, &users) ||
	    !read_number("--skew", o[SKEW].value, 0, 3, &f.skew) ||
	    !read_number("--articles", o[ARTICLES].value, 1, 1e9, &articles) ||
	    !read_number("--batch", o[BATCH].value, 1, LOAD_BATCH_MAX, &batch) ||
	    !read_number("--seed", o[SEED].value, 1, 1e15, &seed) || !read_mix(o[WHAT].value, &f.events_share))
		return EXIT_USAGE;
	if (!read_url(&f, host, o[URL].value ? o[URL].value : "http://127.0.0.1:8080")) {
		fputs("mynews bench: --url takes http://127.0.0.1:PORT, this machine only; a path goes into --path\n", stderr);
		return EXIT_USAGE;
	}
	if (o[PATH].value)
		f.path = o[PATH].value;
	if (f.path[0] != '/' || strpbrk(f.path, " \r\n")) {
		fputs("mynews bench: --path starts with / and has no blanks\n", stderr);
		return EXIT_USAGE;
	}
	f.host = host;
	f.key = o[KEY].value;
	f.rate = most ? 0 : rate;
	f.seconds = seconds;
	f.n_connections = (unsigned)connections;
	f.pipeline = (unsigned)pipeline;
	f.n_users = (unsigned)users;
	f.n_articles = (unsigned)articles;
	f.batch = (unsigned)batch;
	f.seed = o[SEED].value ? (uint64_t)seed : random_seed();
	r = load_run(&f, &result);
	if (r < 0) {
		fprintf(stderr, "mynews bench: can't reach %s: %s\n", host, strerror(-r));
		return EXIT_FAILED;
	}
	print_results(&result, o[JSON].value != NULL);
	bool fine = result.n_answers > 0 && result.n_lost == 0;
	load_result_free(&result);
	return fine ? EXIT_FINE : EXIT_FAILED;
}
