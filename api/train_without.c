/* In place of cmd_train.c where XGBoost was not there when this was built. */
#include "api/commands.h"

#include <stdio.h>

int cmd_train(int argc, char **argv)
{
	fputs("mynews train: this mynews was built without XGBoost; install libxgboost-dev, then build it anew\n", stderr);
	return EXIT_FAILED;
}
