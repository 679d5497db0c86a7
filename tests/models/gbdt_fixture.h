/* What gbdt_test and gbdt_peer_test share: columns, and one row held to XGBoost's numbers. */
#ifndef MYNEWS_TESTS_MODELS_GBDT_FIXTURE_H
#define MYNEWS_TESTS_MODELS_GBDT_FIXTURE_H

#include "engine/base/buf.h"
#include "models/model.h"

enum { GBDT_FIXTURE_COLUMNS = 6, GBDT_FIXTURE_ROWS = 24 };

extern const struct model_names gbdt_fixture_names;
extern const char *const gbdt_fixture_inputs[2 * GBDT_FIXTURE_COLUMNS]; /* z_... then c_..., as trees call them */

/* A model file around XGBoost's JSON, with the checksum that parsing asks for. */
void gbdt_fixture_wrap(struct buf *out, struct span trees);
/* Parses, or fails the test. */
struct model *gbdt_fixture_parse(struct span text);

/* One row's score and explanation beside XGBoost's margin and contributions [inputs, then the bias]. */
void gbdt_fixture_check_row(const struct model *m, const float *row, float margin, const float *contributions);

#endif
