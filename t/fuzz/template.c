/*
 * Copyright (C) The Pharos Authors
 *
 * Any bytes as a template, the first one says of what kind: it is refused,
 * or it expands to a text within the limits, or it fails; the VM stays of
 * use.  Run from the top of the tree, where lua/ is.
 */

#include "fuzz.h"

#include "script/vm.h"


#define FUZZ_TEXT_BYTES  (64 * 1024)


static phr_vm_t  *vm;


static void
start(void)
{
    phr_err_t      err;
    phr_vm_conf_t  conf;

    memset(&conf, 0, sizeof(conf));
    conf.lua_path = "lua";
    conf.memory_bytes = 32 * 1024 * 1024;
    conf.max_steps = 200000;
    conf.max_text_bytes = FUZZ_TEXT_BYTES;

    if (phr_vm_create(&conf, &vm, &err) != PHR_OK) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
}


static int
query(void *data, phr_str_t expr, phr_arena_t *arena,
    const phr_result_sample_t **samples, size_t *n, phr_err_t *err)
{
    phr_result_sample_t  *s;

    static const phr_label_t  labels[] = {
        { phr_str("__name__"), phr_str("up") },
        { phr_str("job"), phr_str("node") },
    };

    if (expr.len > 8) {
        return phr_err_set(err, PHR_EPARSE, "1:4: parse error: no");
    }

    s = phr_arena_calloc(arena, 2, sizeof(phr_result_sample_t));
    if (s == NULL) {
        return phr_err_set(err, phr_arena_rc(arena), "no memory");
    }

    s[0].labels.l = labels;
    s[0].labels.n = 2;
    s[0].v = 2.5;
    s[1].v = -1e300;

    *samples = s;
    *n = expr.len < 3 ? expr.len : 2;

    return PHR_OK;
}


static int
rule(phr_str_t text, phr_buf_t *out, phr_err_t *err)
{
    phr_rule_expand_t  e;

    static const phr_label_t  labels[] = {
        { phr_str("instance"), phr_str("host:9100") },
        { phr_str("text"), phr_str("banana <split>") },
    };

    memset(&e, 0, sizeof(e));
    e.name = phr_str_of("A");
    e.text = text;
    e.labels.l = labels;
    e.labels.n = 2;
    e.value = 1234567.5;
    e.external_url = phr_str_of("http://x:9090/p");
    e.now_ms = 1700000000000;
    e.query = query;

    return phr_vm_expand_rule(vm, &e, out, err);
}


static int
notice(phr_str_t text, int html, phr_buf_t *out, phr_err_t *err)
{
    phr_notice_t        n;
    phr_receiver_t      receiver;
    phr_route_conf_t    route;
    phr_notice_alert_t  alerts[2];

    static const phr_label_t  labels[] = {
        { phr_str("alertname"), phr_str("A") },
        { phr_str("x"), phr_str("1") },
    };

    memset(&n, 0, sizeof(n));
    memset(&receiver, 0, sizeof(receiver));
    memset(&route, 0, sizeof(route));
    memset(alerts, 0, sizeof(alerts));

    receiver.name = phr_str_of("web");
    alerts[0].labels.l = labels;
    alerts[0].labels.n = 2;
    alerts[0].starts_ms = 1700000000000;
    alerts[1] = alerts[0];
    alerts[1].labels.n = 1;
    alerts[1].ends_ms = 1700000060000;

    n.receiver = &receiver;
    n.route = &route;
    n.reason = PHR_REASON_FIRST;
    n.now_ms = 1700000120000;
    n.group_labels = alerts[1].labels;
    n.alerts = alerts;
    n.nalerts = 2;

    return (html ? phr_vm_expand_notice_html : phr_vm_expand_notice)
           (vm, &n, phr_str_of("http://a"), text, out, err);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int        rc, checked, kind;
    phr_err_t  err;
    phr_buf_t  out;
    phr_str_t  text;

    if (size == 0) {
        return 0;
    }

    if (vm == NULL) {
        start();
    }

    kind = data[0] % 3;
    text = fuzz_copy(data + 1, size - 1);
    phr_buf_init(&out, 0);
    phr_err_init(&err);

    checked = phr_vm_template_check(vm, (phr_vm_template_e) kind,
                                    phr_str_of("A"), text, &err);

    rc = kind == PHR_VM_RULE ? rule(text, &out, &err)
         : notice(text, kind == PHR_VM_HTML, &out, &err);

    /* a text without an action is not looked at any further */
    fuzz_check(checked == PHR_OK || rc != PHR_OK || text.len < 4
               || memmem(text.data, text.len, "{{", 2) == NULL);
    fuzz_check(rc == PHR_OK || (out.len == 0 && err.text[0] != '\0'));
    fuzz_check(out.len <= FUZZ_TEXT_BYTES);

    phr_buf_reset(&out);
    fuzz_check(rule(phr_str_of("{{ $value }}"), &out, &err) == PHR_OK);
    fuzz_check(phr_str_eq(phr_buf_view(&out), phr_str_of("1.2345675e+06")));

    phr_buf_free(&out);
    fuzz_free(text);

    return 0;
}
