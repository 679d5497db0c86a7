/* Model files: what is accepted, what is refused and where the refusal points. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "models/model.h"

static const char *const names[] = {"fresh", "age", "odd/name~"};
enum { N_NAMES = 3 };
static const char *const columns[] = {"clicks", "age", "seen"}, *const groups[] = {"popularity", "age", "seen"},
                  *const crosses[] = {"story", "word"};
static const struct model_names all = {.features = names, .columns = columns, .groups = groups, .crosses = crosses,
                                       .n_features = N_NAMES, .n_columns = 3, .n_crosses = 2};

static void test_good(void **state)
{
	struct span text = SPAN("{\"name\":\"city.grid-2_b\",\"version\":\"2026-11\",\"kind\":\"linear\",\"about\":\"why\","
	                        "\"weights\":{\"age\":-0.5,\"fresh\":2},"
	                        "\"diversity\":{\"mmr_lambda\":0.25,\"caps\":["
	                        "{\"of\":\"section\",\"most\":4,\"window\":8},{\"of\":\"author\",\"most\":1,\"window\":100}]},"
	                        "\"explore\":0.05}");
	struct model *m = NULL;
	struct model_problem problem;
	assert_int_equal(model_parse(text, &all, &m, &problem), 0);
	assert_string_equal(m->name, "city.grid-2_b");
	assert_string_equal(m->version, "2026-11");
	assert_int_equal(m->kind, MODEL_LINEAR);
	assert_int_equal(m->n_features, N_NAMES);
	assert_true(m->weights[0] == 2 && m->weights[1] == -0.5 && m->weights[2] == 0);
	assert_true(m->mmr_lambda == 0.25 && m->explore == 0.05);
	assert_int_equal(m->n_caps, 2);
	assert_int_equal(m->caps[0].dimension, MODEL_CAP_SECTION);
	assert_int_equal(m->caps[0].most, 4);
	assert_int_equal(m->caps[0].window, 8);
	assert_int_equal(m->caps[1].dimension, MODEL_CAP_AUTHOR);
	assert_int_equal(m->caps[1].window, 100);
	model_free(m);
	model_free(NULL);
}

static void test_defaults(void **state)
{
	struct model *m = NULL;
	struct model_problem problem;
	struct span text = SPAN("{\"name\":\"a\",\"version\":\"1\",\"kind\":\"linear\",\"weights\":{}}");
	assert_int_equal(model_parse(text, &all, &m, &problem), 0);
	assert_true(m->mmr_lambda == 1 && m->explore == 0);
	assert_int_equal(m->n_caps, 0);
	model_free(m);
}

/* What a learning model's file leaves out, and all it may say. */
static void test_learning(void **state)
{
	struct model *m = NULL;
	struct model_problem problem;
	assert_int_equal(model_parse(SPAN("{\"name\":\"a\",\"version\":\"1\",\"kind\":\"online\",\"weights\":{}}"), &all, &m, &problem), 0);
	assert_true(model_has_shortlist(m) && model_learns(m));
	assert_int_equal(m->n_columns, 3);
	for (size_t i = 0; i < 3; i++)
		assert_true(m->columns[i] && m->prior[i] == 0);
	assert_true(m->learn.rate == 0.05 && m->learn.g0 == 10 && m->learn.hidden == 0 && m->learn.delay_s == 600);
	assert_true(m->learn.goals[MODEL_CLICK] == 1 && m->learn.goals[MODEL_SAVE] == 0);
	assert_false(m->learn.crosses[0] || m->learn.crosses[1]);
	model_free(m);
	assert_int_equal(model_parse(SPAN("{\"name\":\"a\",\"version\":\"1\",\"kind\":\"mlp\",\"weights\":{}}"), &all, &m, &problem), 0);
	assert_true(m->learn.hidden == 24 && m->learn.replays == 2 && m->learn.memory == 20000);
	model_free(m);
	struct span text = SPAN("{\"name\":\"a\",\"version\":\"1\",\"kind\":\"mlp\",\"weights\":{},"
	                        "\"shortlist\":{\"prior\":{\"clicks\":0.5,\"seen\":-1000},\"without\":[\"age\",\"age\"]},"
	                        "\"learn\":{\"rate\":10,\"g0\":1e6,\"hidden\":64,\"hidden_rate\":0,\"replays\":8,\"memory\":100000,"
	                        "\"delay_s\":604800,\"goals\":{\"hide\":-2,\"click\":0.25},"
	                        "\"crosses\":{\"alpha\":1e-6,\"beta\":0,\"l1\":1000,\"l2\":0,\"without\":[\"word\"]}}}");
	assert_int_equal(model_parse(text, &all, &m, &problem), 0);
	assert_true(m->prior[0] == 0.5 && m->prior[1] == 0 && m->prior[2] == -1000);
	assert_true(m->columns[0] && !m->columns[1] && m->columns[2]);
	assert_true(m->learn.rate == 10 && m->learn.g0 == 1e6 && m->learn.hidden_rate == 0);
	assert_int_equal(m->learn.hidden, MODEL_HIDDEN_MAX);
	assert_int_equal(m->learn.replays, 8);
	assert_int_equal(m->learn.memory, 100000);
	assert_int_equal(m->learn.delay_s, 604800);
	assert_true(m->learn.goals[MODEL_HIDE] == -2 && m->learn.goals[MODEL_CLICK] == 0.25 && m->learn.goals[MODEL_READ] == 0);
	assert_true(m->learn.cross_alpha == 1e-6 && m->learn.cross_beta == 0 && m->learn.cross_l1 == 1000);
	assert_true(m->learn.crosses[0] && !m->learn.crosses[1]);
	assert_int_equal(model_n_params(m), 6 + MODEL_POSITIONS + 64 * 6 + 64 + 64);
	model_free(m);
	/* At the other end. */
	text = SPAN("{\"name\":\"a\",\"version\":\"1\",\"kind\":\"mlp\",\"weights\":{},\"shortlist\":{},"
	            "\"learn\":{\"rate\":0,\"g0\":1e-6,\"hidden\":0,\"replays\":0,\"memory\":0,\"delay_s\":0,\"goals\":{},\"crosses\":{}}}");
	assert_int_equal(model_parse(text, &all, &m, &problem), 0);
	assert_int_equal(m->learn.hidden, 0);
	assert_true(m->learn.crosses[0] && m->learn.crosses[1] && m->learn.goals[MODEL_CLICK] == 1);
	model_free(m);
}

#define HEAD "{\"name\":\"a\",\"version\":\"1\",\"kind\":\"linear\",\"weights\":{}"
#define ENSEMBLE "{\"name\":\"a\",\"version\":\"1\",\"kind\":\"ensemble\",\"weights\":{}"
#define MEMBER(name) "{\"model\":\"" name "\",\"weight\":0.5}"
#define LEARNS(kind, rest) "{\"name\":\"a\",\"version\":\"1\",\"kind\":\"" kind "\",\"weights\":{}," rest "}"
#define MLP(rest) LEARNS("mlp", rest)
#define LONG64 "0123456789012345678901234567890123456789012345678901234567890123"

static const struct {
	const char *text, *pointer;
} bad[] = {
	{"", ""},
	{"{", ""},
	{"[]", ""},
	{"null", ""},
	{HEAD "} x", ""},
	{HEAD ",\"weights\":{}}", ""}, /* the key twice */
	{HEAD ",\"colour\":1}", "/colour"},
	{HEAD ",\"a/b~c\":1}", "/a~1b~0c"},
	{"{\"version\":\"1\",\"kind\":\"linear\",\"weights\":{}}", "/name"},
	{"{\"name\":1,\"version\":\"1\",\"kind\":\"linear\",\"weights\":{}}", "/name"},
	{"{\"name\":\"\",\"version\":\"1\",\"kind\":\"linear\",\"weights\":{}}", "/name"},
	{"{\"name\":\"a b\",\"version\":\"1\",\"kind\":\"linear\",\"weights\":{}}", "/name"},
	{"{\"name\":\"../x\",\"version\":\"1\",\"kind\":\"linear\",\"weights\":{}}", "/name"},
	{"{\"name\":\"" LONG64 "4\",\"version\":\"1\",\"kind\":\"linear\",\"weights\":{}}", "/name"},
	{"{\"name\":\"a\",\"kind\":\"linear\",\"weights\":{}}", "/version"},
	{"{\"name\":\"a\",\"version\":1,\"kind\":\"linear\",\"weights\":{}}", "/version"},
	{"{\"name\":\"a\",\"version\":\"1\",\"weights\":{}}", "/kind"},
	{"{\"name\":\"a\",\"version\":\"1\",\"kind\":\"forest\",\"weights\":{}}", "/kind"},
	{"{\"name\":\"a\",\"version\":\"1\",\"kind\":\"gbdt\",\"weights\":{}}", "/trees"},
	{HEAD ",\"trees\":{}}", "/trees"},
	{HEAD ",\"checksum\":\"\"}", "/checksum"},
	{HEAD ",\"members\":[]}", "/members"},
	{ENSEMBLE "}", "/members"},
	{ENSEMBLE ",\"members\":{}}", "/members"},
	{ENSEMBLE ",\"members\":[]}", "/members"},
	{ENSEMBLE ",\"members\":[" MEMBER("a") "," MEMBER("b") "," MEMBER("c") "," MEMBER("d") "," MEMBER("e") "]}", "/members"},
	{ENSEMBLE ",\"members\":[" MEMBER("a") "," MEMBER("b") "," MEMBER("a") "]}", "/members/2/model"},
	{ENSEMBLE ",\"members\":[" MEMBER("a") ",7]}", "/members/1"},
	{ENSEMBLE ",\"members\":[" MEMBER("a") ",{\"model\":\"b\",\"weight\":1,\"bias\":1}]}", "/members/1/bias"},
	{ENSEMBLE ",\"members\":[{\"weight\":1}]}", "/members/0/model"},
	{ENSEMBLE ",\"members\":[{\"model\":\"../b\",\"weight\":1}]}", "/members/0/model"},
	{ENSEMBLE ",\"members\":[{\"model\":\"b\"}]}", "/members/0/weight"},
	{ENSEMBLE ",\"members\":[{\"model\":\"b\",\"weight\":1001}]}", "/members/0/weight"},
	{ENSEMBLE ",\"members\":[" MEMBER("a") "],\"learn\":{\"delay_s\":1}}", "/learn"},
	{ENSEMBLE ",\"members\":[" MEMBER("a") "],\"shortlist\":{}}", "/shortlist"},
	{"{\"name\":\"a\",\"version\":\"1\",\"kind\":\"linear\"}", "/weights"},
	{"{\"name\":\"a\",\"version\":\"1\",\"kind\":\"linear\",\"weights\":[]}", "/weights"},
	{"{\"name\":\"a\",\"version\":\"1\",\"kind\":\"linear\",\"weights\":{\"freshness\":1}}", "/weights/freshness"},
	{"{\"name\":\"a\",\"version\":\"1\",\"kind\":\"linear\",\"weights\":{\"fresh\":\"1\"}}", "/weights/fresh"},
	{"{\"name\":\"a\",\"version\":\"1\",\"kind\":\"linear\",\"weights\":{\"fresh\":null}}", "/weights/fresh"},
	{"{\"name\":\"a\",\"version\":\"1\",\"kind\":\"linear\",\"weights\":{\"odd/name~\":true}}", "/weights/odd~1name~0"},
	{"{\"name\":\"a\",\"version\":\"1\",\"kind\":\"linear\",\"weights\":{\"fresh\":1000.5}}", "/weights/fresh"},
	{"{\"name\":\"a\",\"version\":\"1\",\"kind\":\"linear\",\"weights\":{\"fresh\":-1001}}", "/weights/fresh"},
	{"{\"name\":\"a\",\"version\":\"1\",\"kind\":\"linear\",\"weights\":{\"fresh\":1e999}}", ""},
	{"{\"name\":\"a\",\"version\":\"1\",\"kind\":\"linear\",\"weights\":{\"fresh\":NaN}}", ""},
	{HEAD ",\"about\":3}", "/about"},
	{HEAD ",\"diversity\":3}", "/diversity"},
	{HEAD ",\"diversity\":{\"lambda\":1}}", "/diversity/lambda"},
	{HEAD ",\"diversity\":{\"mmr_lambda\":1.01}}", "/diversity/mmr_lambda"},
	{HEAD ",\"diversity\":{\"mmr_lambda\":-0.01}}", "/diversity/mmr_lambda"},
	{HEAD ",\"diversity\":{\"mmr_lambda\":\"1\"}}", "/diversity/mmr_lambda"},
	{HEAD ",\"diversity\":{\"caps\":{}}}", "/diversity/caps"},
	{HEAD ",\"diversity\":{\"rare_sources\":[]}}", "/diversity/rare_sources"},
	{HEAD ",\"diversity\":{\"rare_sources\":{\"least\":1}}}", "/diversity/rare_sources/window"},
	{HEAD ",\"diversity\":{\"rare_sources\":{\"least\":1,\"window\":1}}}", "/diversity/rare_sources/window"},
	{HEAD ",\"diversity\":{\"rare_sources\":{\"least\":1,\"window\":101}}}", "/diversity/rare_sources/window"},
	{HEAD ",\"diversity\":{\"rare_sources\":{\"window\":5}}}", "/diversity/rare_sources/least"},
	{HEAD ",\"diversity\":{\"rare_sources\":{\"least\":0,\"window\":5}}}", "/diversity/rare_sources/least"},
	{HEAD ",\"diversity\":{\"rare_sources\":{\"least\":5,\"window\":5}}}", "/diversity/rare_sources/least"},
	{HEAD ",\"diversity\":{\"rare_sources\":{\"least\":1,\"window\":5,\"of\":1}}}", "/diversity/rare_sources/of"},
	{HEAD ",\"diversity\":{\"caps\":[{},{},{},{},{}]}}", "/diversity/caps"},
	{HEAD ",\"diversity\":{\"caps\":[3]}}", "/diversity/caps/0"},
	{HEAD ",\"diversity\":{\"caps\":[{\"of\":\"source\",\"most\":1,\"window\":2},{\"of\":\"topic\",\"most\":1,\"window\":2}]}}",
	 "/diversity/caps/1/of"},
	{HEAD ",\"diversity\":{\"caps\":[{\"most\":1,\"window\":2}]}}", "/diversity/caps/0/of"},
	{HEAD ",\"diversity\":{\"caps\":[{\"of\":\"source\",\"window\":2}]}}", "/diversity/caps/0/most"},
	{HEAD ",\"diversity\":{\"caps\":[{\"of\":\"source\",\"most\":0,\"window\":2}]}}", "/diversity/caps/0/most"},
	{HEAD ",\"diversity\":{\"caps\":[{\"of\":\"source\",\"most\":2,\"window\":2}]}}", "/diversity/caps/0/most"},
	{HEAD ",\"diversity\":{\"caps\":[{\"of\":\"source\",\"most\":1.0,\"window\":2}]}}", "/diversity/caps/0/most"},
	{HEAD ",\"diversity\":{\"caps\":[{\"of\":\"source\",\"most\":1}]}}", "/diversity/caps/0/window"},
	{HEAD ",\"diversity\":{\"caps\":[{\"of\":\"source\",\"most\":1,\"window\":1}]}}", "/diversity/caps/0/window"},
	{HEAD ",\"diversity\":{\"caps\":[{\"of\":\"source\",\"most\":1,\"window\":101}]}}", "/diversity/caps/0/window"},
	{HEAD ",\"diversity\":{\"caps\":[{\"of\":\"source\",\"most\":1,\"window\":2,\"x\":1}]}}", "/diversity/caps/0/x"},
	{HEAD ",\"shortlist\":{}}", "/shortlist"},
	{HEAD ",\"learn\":{\"rate\":1}}", "/learn/rate"}, /* it waits, and does not learn */
	{MLP("\"shortlist\":[]"), "/shortlist"},
	{MLP("\"shortlist\":{\"priors\":{}}"), "/shortlist/priors"},
	{MLP("\"shortlist\":{\"prior\":[]}"), "/shortlist/prior"},
	{MLP("\"shortlist\":{\"prior\":{\"popularity\":1}}"), "/shortlist/prior/popularity"}, /* a group's name */
	{MLP("\"shortlist\":{\"prior\":{\"clicks\":\"1\"}}"), "/shortlist/prior/clicks"},
	{MLP("\"shortlist\":{\"prior\":{\"clicks\":1000.5}}"), "/shortlist/prior/clicks"},
	{MLP("\"shortlist\":{\"prior\":{\"clicks\":-1000.5}}"), "/shortlist/prior/clicks"},
	{MLP("\"shortlist\":{\"without\":\"age\"}"), "/shortlist/without"},
	{MLP("\"shortlist\":{\"without\":[\"age\",\"clicks\"]}"), "/shortlist/without/1"},
	{MLP("\"shortlist\":{\"without\":[null]}"), "/shortlist/without/0"},
	{MLP("\"learn\":3"), "/learn"},
	{MLP("\"learn\":{\"speed\":1}"), "/learn/speed"},
	{MLP("\"learn\":{\"rate\":-0.001}"), "/learn/rate"},
	{MLP("\"learn\":{\"rate\":10.001}"), "/learn/rate"},
	{MLP("\"learn\":{\"rate\":null}"), "/learn/rate"},
	{MLP("\"learn\":{\"g0\":0}"), "/learn/g0"},
	{MLP("\"learn\":{\"g0\":1000001}"), "/learn/g0"},
	{MLP("\"learn\":{\"hidden_rate\":-1}"), "/learn/hidden_rate"},
	{MLP("\"learn\":{\"hidden_rate\":11}"), "/learn/hidden_rate"},
	{MLP("\"learn\":{\"hidden\":65}"), "/learn/hidden"},
	{MLP("\"learn\":{\"hidden\":-1}"), "/learn/hidden"},
	{MLP("\"learn\":{\"hidden\":2.0}"), "/learn/hidden"},
	{LEARNS("online", "\"learn\":{\"hidden\":1}"), "/learn/hidden"},
	{MLP("\"learn\":{\"replays\":9}"), "/learn/replays"},
	{MLP("\"learn\":{\"lean\":1000001}"), "/learn/lean"},
	{MLP("\"learn\":{\"memory\":100001}"), "/learn/memory"},
	{MLP("\"learn\":{\"delay_s\":604801}"), "/learn/delay_s"},
	{MLP("\"learn\":{\"delay_s\":-1}"), "/learn/delay_s"},
	{MLP("\"learn\":{\"goals\":[]}"), "/learn/goals"},
	{MLP("\"learn\":{\"goals\":{\"impression\":1}}"), "/learn/goals/impression"},
	{MLP("\"learn\":{\"goals\":{\"click\":1001}}"), "/learn/goals/click"},
	{MLP("\"learn\":{\"goals\":{\"click\":true}}"), "/learn/goals/click"},
	{MLP("\"learn\":{\"crosses\":[]}"), "/learn/crosses"},
	{MLP("\"learn\":{\"crosses\":{\"l3\":1}}"), "/learn/crosses/l3"},
	{MLP("\"learn\":{\"crosses\":{\"alpha\":0}}"), "/learn/crosses/alpha"},
	{MLP("\"learn\":{\"crosses\":{\"alpha\":1001}}"), "/learn/crosses/alpha"},
	{MLP("\"learn\":{\"crosses\":{\"beta\":-0.1}}"), "/learn/crosses/beta"},
	{MLP("\"learn\":{\"crosses\":{\"l1\":-0.1}}"), "/learn/crosses/l1"},
	{MLP("\"learn\":{\"crosses\":{\"l2\":1001}}"), "/learn/crosses/l2"},
	{MLP("\"learn\":{\"crosses\":{\"l2\":\"1\"}}"), "/learn/crosses/l2"},
	{MLP("\"learn\":{\"crosses\":{\"without\":{}}}"), "/learn/crosses/without"},
	{MLP("\"learn\":{\"crosses\":{\"without\":[\"word\",\"age\"]}}"), "/learn/crosses/without/1"},
	{LEARNS("trees", "\"about\":\"\""), "/kind"},
	{HEAD ",\"explore\":1.5}", "/explore"},
	{HEAD ",\"explore\":false}", "/explore"},
};

static void test_bad(void **state)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct model *m = NULL;
		struct model_problem problem = {"unset", ""};
		int r = model_parse(span_of(bad[i].text), &all, &m, &problem);
		if (r != 1 || m || strcmp(problem.pointer, bad[i].pointer) != 0 || !problem.text[0])
			fail_msg("%s: returned %d, pointer \"%s\" for \"%s\", text \"%s\"", bad[i].text, r, problem.pointer,
			         bad[i].pointer, problem.text);
	}
}

/* A key longer than a pointer can hold is cut, not written past the end. */
static void test_long_key(void **state)
{
	char text[800];
	struct model *m = NULL;
	struct model_problem problem;
	snprintf(text, sizeof(text), HEAD ",\"" LONG64 LONG64 "~~~~////" LONG64 "\":1}");
	assert_int_equal(model_parse(span_of(text), &all, &m, &problem), 1);
	assert_true(strlen(problem.pointer) < sizeof(problem.pointer));
	assert_true(strlen(problem.pointer) > 100);
}

static void test_limits(void **state)
{
	struct model *m = NULL;
	struct model_problem problem;
	struct span text = SPAN("{\"name\":\"" LONG64 "\",\"version\":\"" LONG64 "\",\"kind\":\"linear\","
	                        "\"weights\":{\"fresh\":1000,\"age\":-1000},\"explore\":1,"
	                        "\"diversity\":{\"mmr_lambda\":0,\"caps\":[{\"of\":\"source\",\"most\":99,\"window\":100},"
	                        "{\"of\":\"source\",\"most\":1,\"window\":2},{\"of\":\"source\",\"most\":1,\"window\":2},"
	                        "{\"of\":\"source\",\"most\":1,\"window\":2}]}}");
	assert_int_equal(model_parse(text, &all, &m, &problem), 0);
	assert_int_equal(strlen(m->name), MODEL_NAME_BYTES);
	assert_int_equal(m->n_caps, MODEL_CAPS_MAX);
	model_free(m);
	const char *many[MODEL_FEATURES_MAX + 1];
	for (size_t i = 0; i <= MODEL_FEATURES_MAX; i++)
		many[i] = "f";
	text = SPAN(HEAD "}");
	assert_int_equal(model_parse(text, &(struct model_names){.features = many, .n_features = MODEL_FEATURES_MAX + 1}, &m, &problem), 1);
	assert_int_equal(model_parse(text, &(struct model_names){.features = many, .n_features = MODEL_FEATURES_MAX}, &m, &problem), 0);
	model_free(m);
}

static void parse_all(const char *const *texts, size_t n, struct model **models)
{
	for (size_t i = 0; i < n; i++) {
		struct model_problem problem = {"", ""};
		if (model_parse(span_of(texts[i]), &all, &models[i], &problem) != 0)
			fail_msg("%s: %s %s", texts[i], problem.pointer, problem.text);
	}
}

#define ENSEMBLE_OF(name, members) "{\"name\":\"" name "\",\"version\":\"1\",\"kind\":\"ensemble\",\"weights\":{}," \
	"\"members\":[" members "]}"
#define ONLINE(name, more) "{\"name\":\"" name "\",\"version\":\"1\",\"kind\":\"online\",\"weights\":{}," more "}"

static void test_members(void **state)
{
	static const struct {
		const char *texts[3];
		size_t which;
		const char *pointer, *named; /* NULL: fine */
	} cases[] = {
		{{ONLINE("x", "\"learn\":{\"delay_s\":90},\"shortlist\":{\"without\":[\"age\",\"seen\"]}"),
		  ENSEMBLE_OF("both", MEMBER("x") "," MEMBER("y")),
		  ONLINE("y", "\"learn\":{\"delay_s\":30},\"shortlist\":{\"without\":[\"popularity\",\"seen\"]}")}, 3, NULL, NULL},
		{{ONLINE("x", "\"about\":\"\""), ENSEMBLE_OF("e", MEMBER("x")), ENSEMBLE_OF("f", MEMBER("x") "," MEMBER("g"))},
		 2, "/members/1/model", "g"},
		{{ONLINE("x", "\"about\":\"\""), ENSEMBLE_OF("e", MEMBER("x")), ENSEMBLE_OF("f", MEMBER("e"))},
		 2, "/members/0/model", "e"},
		{{ENSEMBLE_OF("f", MEMBER("f")), ONLINE("x", "\"about\":\"\""), ONLINE("y", "\"about\":\"\"")},
		 0, "/members/0/model", "f"},
		{{ENSEMBLE_OF("f", MEMBER("y") "," MEMBER("a")), HEAD "}", ONLINE("y", "\"about\":\"\"")},
		 0, "/members/1/model", "a"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct model *models[3] = {0};
		struct model_problem problem = {"", ""};
		size_t which;
		parse_all(cases[i].texts, 3, models);
		assert_int_equal(model_resolve(models, 3, &which, &problem), cases[i].pointer != NULL);
		assert_int_equal(which, cases[i].which);
		if (cases[i].pointer) {
			assert_string_equal(problem.pointer, cases[i].pointer);
			assert_non_null(strstr(problem.text, cases[i].named));
		} else {
			const struct model *m = models[1];
			assert_true(m->kind == MODEL_ENSEMBLE && m->n_members == 2 && !model_learns(m) && model_has_shortlist(m));
			assert_true(m->members[0].model == models[0] && m->members[0].slot == 0);
			assert_true(m->members[1].model == models[2] && m->members[1].slot == 2);
			assert_true(m->members[0].weight == 0.5);
			/* All that a member looks at, and the longest wait. */
			assert_true(m->columns[0] && m->columns[1] && !m->columns[2]);
			assert_int_equal(m->learn.delay_s, 90);
		}
		for (size_t k = 0; k < 3; k++)
			model_free(models[k]);
	}
}

static void test_score(void **state)
{
	struct model m = {.kind = MODEL_LINEAR, .n_features = 3, .weights = {2, -1, 0.5}};
	const float rows[2][3] = {{1, 2, 4}, {0, 0.5f, -8}};
	double out[3] = {0, 0, 77};
	model_score(&m, &rows[0][0], 2, out);
	assert_true(out[0] == 2 && out[1] == -4.5 && out[2] == 77);
	model_score(&m, &rows[0][0], 0, out);
	assert_true(out[0] == 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),     cmocka_unit_test(test_defaults), cmocka_unit_test(test_bad),
		cmocka_unit_test(test_learning),
		cmocka_unit_test(test_long_key), cmocka_unit_test(test_limits),   cmocka_unit_test(test_score),
		cmocka_unit_test(test_members),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
