/*
 * Copyright (C) The Pharos Authors
 *
 * Tool: what the commands of the program "pharos" share: the form of a
 * command, how it says what is wrong, and how it opens a store beside an
 * nginx that may be using it.  The module has nothing of this folder.
 *
 * A command is one file, cmd_NAME.c, with one phr_tool_command_t; it is
 * declared below and listed in main.c.  One thread; memory that a command
 * still has at its end goes with the process.
 */

#ifndef PHR_TOOL_H_INCLUDED
#define PHR_TOOL_H_INCLUDED


#include "store/store.h"


/* what a command returns, and the process with it */
#define PHR_TOOL_OK      0
#define PHR_TOOL_FAILED  1      /* it could not, or it found damage */
#define PHR_TOOL_USAGE   2      /* it was called wrongly */


typedef struct {
    const char  *name;
    const char  *args;      /* for the line of usage */
    const char  *brief;     /* half a line, for the list */
    const char  *text;      /* the rest of the help, lines ending in \n */

    /* argv[0] is the name of the command, so that getopt_long() works */
    int        (*run)(int argc, char **argv);
} phr_tool_command_t;


extern const phr_tool_command_t  phr_tool_verify;
extern const phr_tool_command_t  phr_tool_import_tsdb;
extern const phr_tool_command_t  phr_tool_salvage;


/* NAME of the command that runs; argv[0] of its run() */
#define PHR_TOOL_PROGRAM  "pharos"

/*
 * Writes "pharos: COMMAND: PATH: REASON" to stderr.  path may be NULL.
 * Returns PHR_TOOL_FAILED.
 */
int phr_tool_error(const char *command, const char *path, const char *fmt,
    ...) PHR_PRINTF(3, 4);

/* the same of a failure below; a path that its text begins with is cut */
int phr_tool_failed(const char *command, const char *path,
    const phr_err_t *err);

/* "pharos: COMMAND: REASON", and where the help is; PHR_TOOL_USAGE */
int phr_tool_usage(const char *command, const char *fmt, ...)
    PHR_PRINTF(2, 3);


/* the file with the key of the stores that are opened from now on */
void phr_tool_key(const char *file);

/*
 * Opens a store to read one snapshot or more of it: safe beside a running
 * nginx.  Says on stderr why it could not.  PHR_TOOL_OK or
 * PHR_TOOL_FAILED; phr_store_close() ends it.
 */
int phr_tool_open_reader(const char *command, const char *path,
    phr_store_t **st);

/*
 * Opens a store to write, and makes it if the folder has none; conf->path
 * is the folder, which must be there.  Holds the lock of the store until the
 * process ends; if another process holds it, that one is named on stderr.
 */
int phr_tool_open_writer(const char *command, const phr_store_conf_t *conf,
    phr_store_t **st);

/*
 * Holds the lock of the store in a folder until the process ends.  Says on
 * stderr who has it, or why it cannot be had.
 */
int phr_tool_lock(const char *command, const char *dir);


#endif /* PHR_TOOL_H_INCLUDED */
