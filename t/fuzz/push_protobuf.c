/*
 * Copyright (C) The Pharos Authors
 *
 * Any bytes as a push in delimited protobuf; the same checks as of the
 * other formats.
 */

#define FUZZ_TYPE  2

#include "push_body.c"
