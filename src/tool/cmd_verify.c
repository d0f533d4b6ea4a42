/*
 * Copyright (C) The Pharos Authors
 *
 * The command "verify": walks a store and prints what is damaged.
 */

#include <inttypes.h>
#include <stdio.h>

#include "store/verify.h"
#include "tool/tool.h"


static int phr_cmd_verify(int argc, char **argv);
static void phr_cmd_verify_report(void *data, const char *text);


const phr_tool_command_t  phr_tool_verify = {
    "verify", "DIR", "checks a store for damage",

    "Reads every record of the store in DIR and prints what is damaged: "
    "checksums,\n"
    "the form of records, chunks that do not decode, and what refers to "
    "something\n"
    "that is missing.  It repairs nothing and changes nothing.\n\n"
    "Safe while nginx runs: it sees one snapshot, and nginx goes on "
    "writing.  What\n"
    "nginx writes meanwhile cannot reuse deleted space, so that the file "
    "may grow.\n\n"
    "Exit code 1 if there is damage.\n",

    phr_cmd_verify
};


static int
phr_cmd_verify(int argc, char **argv)
{
    int                  rc;
    phr_err_t            err;
    phr_store_t         *st;
    phr_store_damage_t   result;

    if (argc != 2 || argv[1][0] == '-') {
        return phr_tool_usage(argv[0], "one DIR is needed");
    }

    rc = phr_tool_open_reader(argv[0], argv[1], &st);
    if (rc != PHR_TOOL_OK) {
        return rc;
    }

    rc = phr_store_verify(st, phr_cmd_verify_report, NULL, &result, &err);
    phr_store_close(st);

    if (rc != PHR_OK) {
        return phr_tool_failed(argv[0], argv[1], &err);
    }

    printf("%" PRIu64 " records, %" PRIu64 " samples, %" PRIu64
           " damaged\n", result.nrecords, result.nsamples, result.ndamaged);

    return result.ndamaged == 0 ? PHR_TOOL_OK : PHR_TOOL_FAILED;
}


static void
phr_cmd_verify_report(void *data, const char *text)
{
    printf("damaged: %s\n", text);
}
