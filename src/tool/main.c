/*
 * Copyright (C) The Pharos Authors
 *
 * Main: the program "pharos", which works on a store from the command line:
 * the table of its commands, and the help.  What a command does is in its
 * own file.
 */

#include <stdio.h>

#include "tool/tool.h"


static int phr_main_help(const char *name);
static int phr_main_list(FILE *out);
static const phr_tool_command_t *phr_main_find(const char *name);


static const phr_tool_command_t *const  phr_main_commands[] = {
    &phr_tool_import_tsdb,
    &phr_tool_salvage,
    &phr_tool_verify
};


int
main(int argc, char **argv)
{
    int                        rc;
    const phr_tool_command_t  *command;

    if (argc > 2 && strcmp(argv[1], "--key") == 0) {
        phr_tool_key(argv[2]);
        argc -= 2;
        argv += 2;
    }

    if (argc < 2) {
        phr_main_list(stderr);
        return PHR_TOOL_USAGE;
    }

    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0
        || strcmp(argv[1], "-h") == 0)
    {
        return phr_main_help(argc > 2 ? argv[2] : NULL);
    }

    command = phr_main_find(argv[1]);
    if (command == NULL) {
        return phr_tool_usage(NULL, "there is no command \"%s\"", argv[1]);
    }

    if (argc > 2 && strcmp(argv[2], "--help") == 0) {
        return phr_main_help(command->name);
    }

    rc = command->run(argc - 1, argv + 1);

    /* a full disk behind a pipe or a file shows here at the latest */
    if (fflush(stdout) != 0 && rc == PHR_TOOL_OK) {
        rc = phr_tool_error(command->name, NULL, "writing to the standard "
                            "output failed");
    }

    return rc;
}


static int
phr_main_help(const char *name)
{
    const phr_tool_command_t  *command;

    if (name == NULL) {
        return phr_main_list(stdout);
    }

    command = phr_main_find(name);
    if (command == NULL) {
        return phr_tool_usage(NULL, "there is no command \"%s\"", name);
    }

    printf("usage: " PHR_TOOL_PROGRAM " %s %s\n\n%s", command->name,
           command->args, command->text);

    return PHR_TOOL_OK;
}


static int
phr_main_list(FILE *out)
{
    size_t  i;

    fprintf(out, "usage: " PHR_TOOL_PROGRAM " [--key FILE] COMMAND ...\n\n");

    for (i = 0; i < phr_nelems(phr_main_commands); i++) {
        fprintf(out, "  %-14s %s\n", phr_main_commands[i]->name,
                phr_main_commands[i]->brief);
    }

    fprintf(out, "\n\"" PHR_TOOL_PROGRAM " help COMMAND\" says more.  FILE is "
            "that of the\ndirective pharos_encryption_key, if there is one."
            "  Exit codes: 0 done,\n1 failed or damage found, 2 called "
            "wrongly.\n");

    return PHR_TOOL_OK;
}


static const phr_tool_command_t *
phr_main_find(const char *name)
{
    size_t  i;

    for (i = 0; i < phr_nelems(phr_main_commands); i++) {
        if (strcmp(phr_main_commands[i]->name, name) == 0) {
            return phr_main_commands[i];
        }
    }

    return NULL;
}
