/*
 * Copyright (C) The Pharos Authors
 *
 * Any bytes as OpenMetrics; the same checks as of the text format.
 */

#define FUZZ_FORMAT  PHR_EXPO_OPENMETRICS

#include "expo_text.c"
