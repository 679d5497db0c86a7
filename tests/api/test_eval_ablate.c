/* A model's file with parts left out. What is expected is written out by hand for each; texts are compared as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "api/eval_ablate.h"
#include "engine/base/json.h"
#include "models/model.h"

static const char *const features[] = {"topic_short", "age", "ctr"};
static const char *const columns[] = {"clicks_1h", "clicks_3h", "age", "words"};
static const char *const groups[] = {"popularity", "popularity", "age", "words"};
static const char *const crosses[] = {"story", "word"};
static const struct model_names names = {.features = features, .columns = columns, .groups = groups, .crosses = crosses,
                                         .n_features = 3, .n_columns = 4, .n_crosses = 2};

static const char linear[] = "{'name':'m','kind':'linear','weights':{'age':-0.35,'ctr':0.9,'topic_short':0}}";
static const char online[] = "{'name':'m','kind':'online','weights':{'age':-0.35},"
                             "'shortlist':{'prior':{'age':1},'without':['words']},"
                             "'learn':{'rate':0.03,'crosses':{'alpha':0.05}}}";
static const char grown[] = "{'name':'m','kind':'gbdt','weights':{'age':-0.35,'ctr':0.9},"
                            "'trees':{'learner':{'feature_names':['z_clicks_3h','c_age']}}}";
static const char bare[] = "{'name':'m','kind':'online','weights':{}}";

/* JSON with ' for ". */
static struct span quoted(const char *text, char out[512])
{
	size_t n = strlen(text);
	assert_true(n < 512);
	for (size_t i = 0; i <= n; i++)
		out[i] = text[i] == '\'' ? '"' : text[i];
	return (struct span){out, n};
}

static json_t *parse(struct span text)
{
	json_t *value = NULL;
	assert_int_equal(json_parse(text, &value, NULL), 0);
	return value;
}

static void test_parts(void **state)
{
	static const struct {
		const char *model, *part;
		int outcome;
		const char *expected;
	} table[] = {
		{linear, "ctr", EVAL_ABLATED, "{'name':'m','kind':'linear','weights':{'age':-0.35,'topic_short':0}}"},
		/* a name of both: of the kind linear only the weight is there to leave out */
		{linear, "age", EVAL_ABLATED, "{'name':'m','kind':'linear','weights':{'ctr':0.9,'topic_short':0}}"},
		{online, "age", EVAL_ABLATED, "{'name':'m','kind':'online','weights':{},'shortlist':{'prior':{'age':1},"
		 "'without':['words','age']},'learn':{'rate':0.03,'crosses':{'alpha':0.05}}}"},
		{online, "popularity", EVAL_ABLATED, "{'name':'m','kind':'online','weights':{'age':-0.35},'shortlist':"
		 "{'prior':{'age':1},'without':['words','popularity']},'learn':{'rate':0.03,'crosses':{'alpha':0.05}}}"},
		{online, "crosses", EVAL_ABLATED, "{'name':'m','kind':'online','weights':{'age':-0.35},'shortlist':"
		 "{'prior':{'age':1},'without':['words']},'learn':{'rate':0.03}}"},
		{online, "cross:word", EVAL_ABLATED, "{'name':'m','kind':'online','weights':{'age':-0.35},'shortlist':"
		 "{'prior':{'age':1},'without':['words']},'learn':{'rate':0.03,'crosses':{'alpha':0.05,'without':['word']}}}"},
		{bare, "popularity", EVAL_ABLATED, "{'name':'m','kind':'online','weights':{},'shortlist':"
		 "{'without':['popularity']}}"},
		/* what is not used */
		{linear, "topic_short", EVAL_ABLATE_UNUSED, NULL},
		{linear, "popularity", EVAL_ABLATE_UNUSED, NULL},
		{linear, "crosses", EVAL_ABLATE_UNUSED, NULL},
		{linear, "cross:word", EVAL_ABLATE_UNUSED, NULL},
		{online, "words", EVAL_ABLATE_UNUSED, NULL},
		{online, "ctr", EVAL_ABLATE_UNUSED, NULL},
		{bare, "cross:word", EVAL_ABLATE_UNUSED, NULL},
		{"{'name':'e','kind':'ensemble','members':[]}", "popularity", EVAL_ABLATE_UNUSED, NULL},
		/* trees */
		{grown, "popularity", EVAL_ABLATE_TREES, NULL},
		{grown, "age", EVAL_ABLATE_TREES, NULL}, /* though the weight alone could be left out */
		{grown, "words", EVAL_ABLATE_UNUSED, NULL},
		{grown, "ctr", EVAL_ABLATED, "{'name':'m','kind':'gbdt','weights':{'age':-0.35},'trees':{'learner':{'feature_names':"
		 "['z_clicks_3h','c_age']}}}"},
		{"{'name':'m','kind':'gbdt','trees':{'learner':{'feature_names':[1,'','age','z_']}}}", "age", EVAL_ABLATE_UNUSED, NULL},
		{"{'name':'m','kind':'gbdt'}", "age", EVAL_ABLATE_UNUSED, NULL},
		/* what there is not */
		{online, "clicks_1h", EVAL_ABLATE_UNKNOWN, NULL},
		{online, "cross:", EVAL_ABLATE_UNKNOWN, NULL},
		{online, "cross:words", EVAL_ABLATE_UNKNOWN, NULL},
		{online, "cross:story word", EVAL_ABLATE_UNKNOWN, NULL},
		{online, "", EVAL_ABLATE_UNKNOWN, NULL},
		/* what is no model is left to the engine */
		{"[1,", "ctr", EVAL_ABLATED, NULL},
		{"[1]", "ctr", EVAL_ABLATED, "[1]"},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char given[512], wanted[512];
		struct buf out = {0};
		struct span json = quoted(table[i].model, given);
		int r = eval_ablate(json, &names, span_of(table[i].part), &out);
		if (r != table[i].outcome)
			fail_msg("%zu: \"%s\" comes to %d, not %d", i, table[i].part, r, table[i].outcome);
		if (r != EVAL_ABLATED)
			assert_int_equal(out.len, 0);
		else if (!table[i].expected)
			assert_true(span_equal(buf_span(&out), json));
		else {
			json_t *got = parse(buf_span(&out)), *expected = parse(quoted(table[i].expected, wanted));
			if (!json_equal(got, expected))
				fail_msg("%zu: without \"%s\": %.*s", i, table[i].part, (int)out.len, out.data);
			json_decref(got);
			json_decref(expected);
		}
		buf_free(&out);
	}
}

/* Numbers are the same doubles afterwards: 0.1 + 0.2 needs 17 digits. */
static void test_numbers_stay(void **state)
{
	struct buf out = {0};
	assert_int_equal(eval_ablate(SPAN("{\"kind\":\"linear\",\"weights\":{\"age\":0.30000000000000004,\"ctr\":1}}"), &names,
	                             SPAN("ctr"), &out), EVAL_ABLATED);
	json_t *got = parse(buf_span(&out));
	assert_true(json_number_value(json_object_get(json_object_get(got, "weights"), "age")) == 0.1 + 0.2);
	json_decref(got);
	buf_free(&out);
}

static void test_list(void **state)
{
	struct buf out = {0};
	eval_ablate_list(&names, &out);
	assert_true(span_equal(buf_span(&out), SPAN("popularity, age, words, topic_short, ctr, cross:story, cross:word, crosses")));
	buf_clear(&out);
	eval_ablate_list_groups(&names, &out);
	assert_true(span_equal(buf_span(&out), SPAN("popularity, age, words")));
	assert_true(eval_ablate_is_group(&names, SPAN("words")));
	assert_false(eval_ablate_is_group(&names, SPAN("ctr")));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_parts), cmocka_unit_test(test_numbers_stay),
	                                   cmocka_unit_test(test_list)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
