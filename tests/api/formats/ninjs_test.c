#include "api/formats/article_json.h"

#include <dirent.h>

#include "tests/api/formats/refuse.h"

static const char *folder;

static void decode(struct decode *d, const json_t *value)
{
	struct article a;
	article_json_decode(d, value, ARTICLE_FORM_NINJS, &a);
}

static const char version_1[] =
	"{\"uri\":\"urn:newsml:x:1\",\"type\":\"text\",\"headline\":\"A &amp; B\",\"body_html\":\"<p>One</p><p>Two</p>\","
	"\"description_text\":\"Short\",\"byline\":\"By Ann\",\"versioncreated\":\"2026-11-20T10:00:00Z\",\"firstcreated\":"
	"\"2026-11-20T09:00:00Z\",\"pubstatus\":\"withheld\",\"language\":\"en\",\"embargoed\":\"2026-11-21T00:00:00Z\","
	"\"subject\":[{\"name\":\"politics\",\"code\":\"x:1\"}],\"place\":[{\"name\":\"Rome\"}],\"infosource\":[{\"name\":"
	"\"Wire\"}],\"renditions\":{\"main\":{\"href\":\"https://e.example/i.jpg\",\"mimetype\":\"image/jpeg\"}}}";
static const char version_2[] =
	"{\"uri\":\"https://e.example/item/2\",\"headlines\":[{\"role\":\"sub\",\"value\":\"No\"},{\"role\":\"main\",\"value\":"
	"\"A &amp; B\"}],\"bodies\":[{\"role\":\"text\",\"value\":\"One Two\"}],\"descriptions\":[{\"role\":\"text\",\"value\":"
	"\"Short\"}],\"by\":\"By Ann\",\"versioncreated\":\"2026-11-20T10:00:00Z\",\"firstcreated\":\"2026-11-20T09:00:00Z\","
	"\"pubstatus\":\"withheld\",\"language\":\"en\",\"embargoed\":\"2026-11-21T00:00:00Z\",\"subjects\":[{\"name\":\"politics\"},"
	"{\"name\":\"politics\"},{\"uri\":\"x\"}],\"places\":[{\"name\":\"Rome\"}],\"infosources\":[{\"name\":\"Wire\"}],\"renditions\":"
	"[{\"name\":\"main\",\"href\":\"https://e.example/i.jpg\",\"contenttype\":\"image/jpeg\"}]}";
static const char version_3[] =
	"{\"uri\":\"https://e.example/item/3\",\"headlines\":[{\"role\":\"main\",\"value\":\"A &amp; B\"}],\"bodies\":[{\"role\":"
	"\"html\",\"contentType\":\"text/html\",\"value\":\"<p>One</p><p>Two</p>\"}],\"descriptions\":[{\"value\":\"Short\"}],"
	"\"by\":\"By Ann\",\"versionCreated\":\"2026-11-20T10:00:00Z\",\"firstCreated\":\"2026-11-20T09:00:00Z\",\"pubStatus\":"
	"\"withheld\",\"language\":\"en\",\"embargoed\":\"2026-11-21T00:00:00Z\",\"subjects\":[{\"name\":\"politics\"}],\"places\":"
	"[{\"name\":\"Rome\"}],\"infoSources\":[{\"name\":\"Wire\"}],\"renditions\":[{\"name\":\"main\",\"href\":"
	"\"https://e.example/i.jpg\",\"contentType\":\"image/jpeg\"}]}";

static void versions(void **state)
{
	static const char *const texts[] = {version_1, version_2, version_3};
	struct arena arena = {0};
	for (size_t i = 0; i < 3; i++) {
		struct decode d = {.arena = &arena};
		struct article a;
		json_t *value;
		assert_int_equal(json_parse(span_of(texts[i]), &value, NULL), 0);
		assert_true(ninjs_by_shape(value));
		article_json_decode(&d, value, ARTICLE_FORM_BY_SHAPE, &a);
		json_decref(value);
		if (d.n_errors)
			fail_msg("version %zu: %s %s", i + 1, d.errors[0].pointer, d.errors[0].detail);
		assert_true(span_equal_cstr(a.title, "A & B"));
		assert_true(span_equal_cstr(a.body, "One Two"));
		assert_true(span_equal_cstr(a.summary, "Short"));
		assert_true(a.n_authors == 1 && span_equal_cstr(a.authors[0], "By Ann"));
		assert_true(a.n_topics == 1 && span_equal_cstr(a.topics[0], "politics"));
		assert_true(a.n_places == 1 && span_equal_cstr(a.places[0], "Rome"));
		assert_true(span_equal_cstr(a.source, "Wire"));
		assert_true(span_equal_cstr(a.image, "https://e.example/i.jpg"));
		assert_int_equal(a.status, ARTICLE_WITHHELD);
		assert_int_equal(a.updated_at_ms - a.published_at_ms, 3600000);
		assert_int_equal(a.embargo_until_ms - a.updated_at_ms, 14 * 3600000);
		assert_true(i == 0 ? a.url.len == 0 : span_equal(a.url, a.id));
	}
	arena_free(&arena);
}

static void refusals(void **state)
{
	static const struct row rows[] = {
		{"{\"headline\":\"x\"}", "/uri"},
		{"{\"uri\":7,\"headline\":\"x\"}", "/uri"},
		{"{\"uri\":\"u\"}", "/headlines"},
		{"{\"uri\":\"u\",\"headline\":7}", "/headline"},
		{"{\"uri\":\"u\",\"headlines\":{}}", "/headlines"},
		{"{\"uri\":\"u\",\"headlines\":[{\"role\":\"main\",\"value\":3}]}", "/headlines/0"},
		{"{\"uri\":\"u\",\"headline\":\"x\",\"pubstatus\":\"gone\"}", "/pubstatus"},
		{"{\"uri\":\"u\",\"headline\":\"x\",\"versioncreated\":\"yesterday\"}", "/versioncreated"},
		{"{\"uri\":\"u\",\"headline\":\"x\",\"charcount\":-1}", "/charcount"},
		{"{\"uri\":\"u\",\"headline\":\"x\",\"subjects\":\"y\"}", "/subjects"},
		{"{\"uri\":\"u\",\"headline\":\"x\",\"subjects\":[3,null,{\"name\":7}],\"renditions\":7,\"associations\":[1]}", NULL},
	};
	check_rows(rows, sizeof(rows) / sizeof(rows[0]), decode);
}

static void shapes(void **state)
{
	static const struct {
		const char *json;
		bool is;
	} rows[] = {
		{"{\"uri\":\"u\",\"headline\":\"x\"}", true}, {"{\"uri\":\"u\",\"pubStatus\":\"usable\"}", true},
		{"{\"uri\":\"u\",\"title\":\"x\"}", false}, {"{\"id\":\"a\",\"uri\":\"u\",\"headline\":\"x\"}", false},
		{"{\"headline\":\"x\"}", false}, {"{\"uri\":3,\"headline\":\"x\"}", false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *value;
		assert_int_equal(json_parse(span_of(rows[i].json), &value, NULL), 0);
		if (ninjs_by_shape(value) != rows[i].is)
			fail_msg("%s", rows[i].json);
		json_decref(value);
	}
}

/* IPTC's own examples, where they are at hand. */
static void published_examples(void **state)
{
	struct arena arena = {0};
	struct dirent *entry;
	DIR *dir = folder ? opendir(folder) : NULL;
	if (!dir) {
		skip();
		return;
	}
	while ((entry = readdir(dir))) {
		static char text[1 << 20];
		char path[1024];
		struct decode d = {.arena = &arena};
		struct article a;
		json_t *value;
		if (!strstr(entry->d_name, ".json"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		FILE *f = fopen(path, "re");
		assert_non_null(f);
		size_t n = fread(text, 1, sizeof(text), f);
		fclose(f);
		assert_int_equal(json_parse((struct span){text, n}, &value, NULL), 0);
		assert_true(ninjs_by_shape(value));
		article_json_decode(&d, value, ARTICLE_FORM_BY_SHAPE, &a);
		json_decref(value);
		if (d.n_errors)
			fail_msg("%s: %s %s", entry->d_name, d.errors[0].pointer, d.errors[0].detail);
		assert_true(a.id.len > 0 && a.title.len > 0 && a.updated_at_ms > 0);
	}
	closedir(dir);
	arena_free(&arena);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(versions), cmocka_unit_test(refusals), cmocka_unit_test(shapes),
	                                   cmocka_unit_test(published_examples)};
	folder = argc > 1 ? argv[1] : NULL;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
