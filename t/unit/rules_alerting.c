/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of rules/alerting.c and alerting_save.c: the life of alerts, minute
 * by minute.
 */

#include "rules/alerting.h"

#include "core/alloc.h"
#include "core/arena.h"
#include "oom.h"
#include "tap.h"


#define MIN   ((int64_t) 60 * 1000)
#define T0    ((int64_t) 1700000000000)


static phr_alerting_t  a;

static phr_label_t  labels_a[] = { { phr_str("alertname"), phr_str("A") },
                                   { phr_str("x"), phr_str("a") } };
static phr_label_t  labels_b[] = { { phr_str("alertname"), phr_str("A") },
                                   { phr_str("x"), phr_str("b") } };
static phr_label_t  note[] = { { phr_str("s"), phr_str("") } };


static phr_alert_input_t
input(phr_label_t *l, double v)
{
    phr_alert_input_t  in;

    in.labels.l = l;
    in.labels.n = 2;
    in.annotations.l = note;
    in.annotations.n = 1;
    in.value = v;

    return in;
}


/* one evaluation at minute t with the alerts named by letters */

static int
at(int64_t t, const char *letters, uint64_t limit)
{
    size_t             n;
    phr_alert_input_t  in[4];

    for (n = 0; letters[n] != '\0'; n++) {
        in[n] = input(letters[n] == 'a' ? labels_a : labels_b,
                      (double) t + 1);
    }

    return phr_alerting_update(&a, in, n, T0 + t * MIN, limit, NULL);
}


/* the state of an alert as one letter: "-" if there is none */

static char
state(char letter)
{
    size_t  i;

    for (i = 0; i < a.nalerts; i++) {
        if (a.alerts[i]->labels.l[1].value.data[0] == letter) {
            return phr_alert_state_text(a.alerts[i]->state)[0];
        }
    }

    return '-';
}


static phr_alert_t *
alert(char letter)
{
    size_t  i;

    for (i = 0; i < a.nalerts; i++) {
        if (a.alerts[i]->labels.l[1].value.data[0] == letter) {
            return a.alerts[i];
        }
    }

    return NULL;
}


static void
step(int64_t t, const char *letters, const char *want, const char *name)
{
    char  got[3];

    if (at(t, letters, 0) != PHR_OK) {
        ok(0, "%s", name);
        return;
    }

    got[0] = state('a');
    got[1] = state('b');
    got[2] = '\0';

    is_str(got, want, "%s", name);
}


static void
test_life(void)
{
    phr_alerting_init(&a, 2 * MIN, 0);

    step(0, "a", "p-", "an alert begins pending");
    step(1, "a", "p-", "and stays so");
    step(1, "", "--", "without data it is gone");
    step(2, "a", "p-", "and begins anew");
    step(3, "ab", "pp", "another begins later");
    step(4, "ab", "fp", "the first fires after two minutes");
    is_int(alert('a')->active_ms, T0 + 2 * MIN, "active since it began");
    is_int(alert('a')->fired_ms, T0 + 4 * MIN, "fired when it fired");
    ok(alert('a')->value == 5, "the value is the last one");
    step(5, "ab", "ff", "then the second");
    step(6, "b", "if", "the first is resolved");
    is_int(alert('a')->resolved_ms, T0 + 6 * MIN, "resolved when it was");
    step(21, "b", "if", "and kept for a while");
    step(22, "b", "-f", "but not for ever");
    is_int(phr_alerting_state(&a), PHR_ALERT_FIRING, "the highest state");
    step(23, "", "-i", "a firing alert is resolved");
    step(24, "b", "-p", "and comes back as a new one");
    is_int(alert('b')->resolved_ms, 0, "not resolved any more");

    phr_alerting_free(&a);

    phr_alerting_init(&a, 0, 0);
    step(0, "a", "f-", "without \"for\" an alert fires at once");
    a.for_ms = 5 * MIN;
    step(1, "a", "p-", "a longer \"for\" makes it pending again");
    phr_alerting_free(&a);
}


static void
test_keep(void)
{
    phr_alerting_init(&a, 0, 3 * MIN);

    step(0, "a", "f-", "firing");
    step(1, "", "f-", "kept firing");
    step(3, "", "f-", "still");
    step(3, "a", "f-", "the condition is back");
    step(4, "", "f-", "the time starts again");
    step(6, "", "f-", "not over");
    step(7, "", "i-", "over");

    phr_alerting_free(&a);
}


static void
test_refused(void)
{
    phr_alerting_init(&a, 0, 0);

    is_int(at(0, "aa", 0), PHR_EEXEC, "equal labels are refused");
    is_int(a.nalerts, 0, "nothing changed");
    is_int(at(0, "ab", 1), PHR_ELIMIT, "more than the limit");
    is_int(a.nalerts, 0, "drops all");
    is_int(at(0, "a", 1), PHR_OK, "as many as the limit");

    phr_alerting_free(&a);
}


static int
told(char letter, int64_t t_ms, phr_alert_msg_t *msg)
{
    return phr_alert_tell(alert(letter), t_ms, 15000, MIN, msg);
}


static void
test_tell(void)
{
    phr_alert_msg_t  msg;

    phr_alerting_init(&a, MIN, 0);

    (void) at(0, "a", 0);
    is_int(told('a', T0, &msg), 0, "a pending alert is not told");

    (void) at(1, "a", 0);
    is_int(told('a', T0 + MIN, &msg), 1, "a firing one is");
    is_int(msg.starts_ms, T0 + MIN, "it starts when it fired");
    is_int(msg.ends_ms, T0 + 5 * MIN, "and is valid for four resends");
    is_int(told('a', T0 + 2 * MIN, &msg), 0, "not again within a minute");
    is_int(told('a', T0 + 2 * MIN + 1, &msg), 1, "but after it");

    (void) at(3, "", 0);
    is_int(told('a', T0 + 3 * MIN, &msg), 1, "its end is told at once");
    is_int(msg.ends_ms, T0 + 3 * MIN, "with its time");
    is_int(told('a', T0 + 3 * MIN + 30000, &msg), 0, "once");
    is_int(told('a', T0 + 5 * MIN, &msg), 1, "and again later");
    is_int(msg.ends_ms, T0 + 3 * MIN, "with the same time");

    phr_alerting_free(&a);
}


static void
test_save(void)
{
    phr_buf_t  record;
    phr_str_t  id;
    phr_err_t  err;
    size_t     i, bad;
    char      *cut;

    id = phr_str_of("file;group;A");
    phr_buf_init(&record, 0);
    phr_alerting_init(&a, 5 * MIN, 0);

    (void) at(0, "a", 0);
    (void) at(4, "ab", 0);
    ok(a.changed, "a new alert is a change");
    a.changed = 0;
    (void) at(5, "ab", 0);
    ok(a.changed, "so is a new state");
    a.changed = 0;
    (void) at(5, "ab", 0);
    ok(!a.changed, "another value is none");

    phr_alerting_save(&a, id, &record);
    phr_alerting_free(&a);

#define LOAD(s, stamp, now)                                                  \
    phr_alerting_load(&a, id, (s), T0 + (stamp) * MIN, T0 + (now) * MIN,     \
                      MIN, &err)

    phr_alerting_init(&a, 5 * MIN, 0);
    is_int(LOAD(phr_buf_view(&record), 5, 6), PHR_OK, "loaded");
    is_int(state('a'), 'f', "the firing alert fires");
    is_int(alert('a')->active_ms, T0, "since the same time");
    is_int(alert('a')->fired_ms, T0 + 5 * MIN, "fired likewise");
    is_int(alert('a')->annotations.n, 1, "annotations too, even empty ones");
    is_int(alert('b')->active_ms, T0 + 4 * MIN, "so is the pending one");
    step(9, "ab", "ff", "which fires in time");
    phr_alerting_free(&a);

    phr_alerting_init(&a, 5 * MIN, 0);
    is_int(LOAD(phr_buf_view(&record), 5, 15), PHR_OK, "after ten minutes");
    is_int(alert('b')->active_ms, T0 + 13 * MIN, "the pause does not count");
    step(16, "", "fp", "no data yet: nothing is dropped");
    step(18, "", "i-", "later it is");
    phr_alerting_free(&a);

    phr_alerting_init(&a, 5 * MIN, 0);
    is_int(LOAD(phr_buf_view(&record), 5, 66), PHR_OK, "after an hour");
    is_int(a.nalerts, 0, "all is forgotten");

    is_int(phr_alerting_load(&a, phr_str_of("x"), phr_buf_view(&record), T0,
                             T0, MIN, &err),
           PHR_NOTFOUND, "a record of another rule");

    for (i = 0, bad = 0; i < record.len; i++) {

        /* a copy of exactly that size, so that ASan sees a read beyond */

        cut = phr_strdup(record.data, i);
        bad += LOAD(phr_str_from(cut, i), 5, 6) == PHR_ECORRUPT;
        phr_free(cut);
    }

    is_int(bad, record.len, "a record cut anywhere is damaged");
    is_int(a.nalerts, 0, "and changes nothing");

    phr_alerting_free(&a);
    phr_buf_free(&record);
}


/* the clock is set, a day ahead and an hour back */
static void
test_shift(int64_t by)
{
    phr_alerting_init(&a, 5 * MIN, 10 * MIN);

    step(0, "b", "-p", "pending");
    step(2, "b", "-p", "still");
    phr_alerting_shift(&a, by * MIN, T0 + (by + 4) * MIN);
    step(by + 3, "", "-p", "no data yet: nothing is dropped");
    step(by + 4, "b", "-p", "it has not waited longer for it");
    step(by + 5, "b", "-f", "nor shorter");
    phr_alerting_shift(&a, -by * MIN, 0);
    step(6, "", "-f", "kept firing");
    phr_alerting_shift(&a, by * MIN, 0);
    step(by + 15, "", "-f", "for as long");
    step(by + 16, "", "-i", "and then no longer");

    phr_alerting_free(&a);
}


int
main(void)
{
    test_life();
    test_keep();
    test_refused();
    test_tell();
    test_save();
    test_shift(24 * 60);
    test_shift(-60);

    return done_testing();
}
