/*
 * Copyright (C) The Pharos Authors
 *
 * Any bytes as a file of a time zone: damage, or offsets that are within two
 * days at all times.
 */

#include "fuzz.h"

#include "core/zone.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                i;
    int32_t            offset_s;
    int64_t            t_s;
    phr_err_t          err;
    phr_str_t          in;
    phr_arena_t       *arena;
    const phr_zone_t  *zone;

    in = fuzz_copy(data, size);
    phr_err_init(&err);

    arena = phr_arena_create(0);
    fuzz_check(arena != NULL);

    if (phr_zone_read(in, arena, &zone, &err) == PHR_OK) {

        for (i = -70; i < 70; i++) {
            t_s = i == -70 ? INT64_MIN : i == 69 ? INT64_MAX
                  : (int64_t) i * i * i * 8640 * 365;
            offset_s = phr_zone_offset(zone, t_s);

            /* a time of day in the line may be a week away */
            fuzz_check(offset_s > -605000 && offset_s < 605000);
        }

    } else {
        fuzz_check(err.code != 0 && err.text[0] != '\0');
    }

    phr_arena_destroy(arena);
    fuzz_free(in);

    return 0;
}
