/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of script/vm.c and outside.c: what Lua is given, and what it is
 * kept from.  Run from the top of the tree, where lua/ is.
 */

#include "script/vm.h"

#include "core/arena.h"
#include "tap.h"


static phr_vm_t  *vm;


static int
query(void *data, phr_str_t expr, phr_arena_t *arena,
    const phr_result_sample_t **samples, size_t *n, phr_err_t *err)
{
    phr_result_sample_t  *s;

    static phr_label_t  labels[] = {
        { phr_str("__name__"), phr_str("up") },
        { phr_str("job"), phr_str("node") },
    };

    if (expr.len == 3) {
        return phr_err_set(err, PHR_EPARSE, "1:4: parse error: no");
    }

    s = phr_arena_calloc(arena, 1, sizeof(phr_result_sample_t));
    s->labels.l = labels;
    s->labels.n = 2;
    s->v = 2.5;

    *samples = s;
    *n = 1;

    return PHR_OK;
}


static int
expand(phr_vm_t *v, const char *text, phr_buf_t *out, phr_err_t *err)
{
    phr_rule_expand_t  e;

    static phr_label_t  labels[] = {
        { phr_str("instance"), phr_str("host:9100") },
        { phr_str("text"), phr_str("banana split") },
    };

    memset(&e, 0, sizeof(e));
    e.name = phr_str_of("A");
    e.text = phr_str_from_c(text);
    e.labels.l = labels;
    e.labels.n = 2;
    e.value = 1.5;
    e.external_url = phr_str_of("http://x:9090/p");
    e.now_ms = 1700000000000;
    e.query = query;

    phr_buf_init(out, 0);
    phr_err_init(err);

    return phr_vm_expand_rule(v, &e, out, err);
}


static void
gives(const char *text, const char *want)
{
    int        rc;
    phr_buf_t  out;
    phr_err_t  err;

    rc = expand(vm, text, &out, &err);

    is_str(rc == PHR_OK ? phr_buf_cstr(&out) : err.text, want, "%s", text);
    phr_buf_free(&out);
}


static void
fails(phr_vm_t *v, const char *text, int code, const char *name)
{
    phr_buf_t  out;
    phr_err_t  err;

    is_int(expand(v, text, &out, &err), code, "%s", name);
    is_int(out.len, 0, "%s: nothing comes out", name);
    phr_buf_free(&out);
}


static void
test_expand(void)
{
    gives("{{ $labels.instance }} is {{ $value | humanize }}",
          "host:9100 is 1.5");
    gives("{{ externalURL }}{{ pathPrefix }}", "http://x:9090/p/p");
    gives("{{ query \"up{}\" | first | value }}", "2.5");
    gives("{{ (query \"up{}\" | first).Labels.job }}", "node");
    gives("{{ query \"bad\" }}",
          "error executing template __alert_A: template: __alert_A:1:115: "
          "executing \"__alert_A\" at <query \"bad\">: error calling query: "
          "1:4: parse error: no");
    gives("{{ humanizeTimestamp 1700000000 }}",
          "2023-11-14 22:13:20 +0000 UTC");
}


static void
test_regex(void)
{
    gives("{{ match \"an+a\" $labels.text }}", "true");
    gives("{{ match \"^an\" $labels.text }}", "false");
    gives("{{ match \"x|it$\" $labels.text }}", "true");
    gives("{{ match \"a.b\" \"a\\nb\" }}", "false");
    gives("{{ match \"(?s)a.b\" \"a\\nb\" }}", "true");
    gives("{{ reReplaceAll \"a\" \"<$0>\" $labels.text }}",
          "b<a>n<a>n<a> split");
    gives("{{ reReplaceAll \"(.)n\" \"$1-\" $labels.text }}",
          "ba-a-a split");
    gives("{{ reReplaceAll \"^b\" \"\" \"bbb\" }}", "bb");
    gives("{{ reReplaceAll \"\\\\b\" \"|\" \"ab cd\" }}", "|ab| |cd|");
    gives("{{ reReplaceAll \"x*\" \"-\" \"abc\" }}", "-a-b-c-");
    gives("{{ reReplaceAll \"(?P<w>\\\\w+)@.*\" \"${w}!$$\" \"me@x.y\" }}",
          "me!$");
    gives("{{ reReplaceAll \"a(x)?\" \"[$1]\" \"aax\" }}", "[][x]");
    gives("{{ reReplaceAll \"a\" \"$1x\" \"a\" }}", "");
    gives("{{ reReplaceAll \"ä|ö\" \"o\" \"äbö\" }}", "obo");
    gives("{{ reReplaceAll \"(\" \"\" \"a\" }}",
          "error executing template __alert_A: template: __alert_A:1:115: "
          "executing \"__alert_A\" at <reReplaceAll \"(\" \"\" \"a\">: error "
          "calling reReplaceAll: regexp: Compile(`(`): error parsing regexp: "
          "missing closing ): `(`");
    gives("{{ match \"(\" \"a\" }}",
          "error executing template __alert_A: template: __alert_A:1:115: "
          "executing \"__alert_A\" at <match \"(\" \"a\">: error calling "
          "match: error parsing regexp: missing closing ): `(`");
}


static void
test_check(void)
{
    phr_err_t  err;

    is_int(phr_vm_template_check(vm, PHR_VM_RULE, phr_str_of("R"),
                                 phr_str_of("{{ $value }}"), &err),
           PHR_OK, "a good template");
    is_int(phr_vm_template_check(vm, PHR_VM_RULE, phr_str_of("R"),
                                 phr_str_of("\n{{ nope }}"), &err),
           PHR_EPARSE, "a bad template");
    is_str(err.text, "template: __alert_R:2: function \"nope\" not defined",
           "with its line");
    is_int(phr_vm_template_check(vm, PHR_VM_NOTICE, phr_str_of(""),
                                 phr_str_of("{{ .Alerts | toJson }}"), &err),
           PHR_OK, "notices have functions of their own");
    is_int(phr_vm_template_check(vm, PHR_VM_RULE, phr_str_of("R"),
                                 phr_str_of("{{ . | toJson }}"), &err),
           PHR_EPARSE, "which rules do not have");
}


static void
test_load(void)
{
    phr_err_t      err;
    phr_vm_file_t  good, bad;

    good.name = phr_str_of("a.tmpl");
    good.text = phr_str_of("{{ define \"a\" }}x{{ end }}");
    bad.name = phr_str_of("b.tmpl");
    bad.text = phr_str_of("{{ define \"a\" }}");

    is_int(phr_vm_load_templates(vm, &good, 1, &err), PHR_OK,
           "files are loaded");
    is_int(phr_vm_load_templates(vm, &bad, 1, &err), PHR_EPARSE,
           "a malformed file is refused");
    is_str(err.text, "template: b.tmpl:1: unexpected EOF", "with its name");
}


static void
field_gives(int html, const char *text, const char *want)
{
    int                 rc;
    phr_buf_t           out;
    phr_err_t           err;
    phr_notice_t        n;
    phr_receiver_t      receiver;
    phr_route_conf_t    route;
    phr_notice_alert_t  alerts[2];

    static phr_label_t  one[] = { { phr_str("alertname"), phr_str("A") },
                                  { phr_str("x"), phr_str("1") } };
    static phr_label_t  two[] = { { phr_str("alertname"), phr_str("A") },
                                  { phr_str("x"), phr_str("2") } };
    static phr_pair_t   labels[] = { { phr_str("team"),
                                       phr_str("t-{{ .Status }}") } };

    memset(&n, 0, sizeof(n));
    memset(&receiver, 0, sizeof(receiver));
    memset(&route, 0, sizeof(route));
    memset(alerts, 0, sizeof(alerts));

    receiver.name = phr_str_of("web");
    route.labels.p = labels;
    route.labels.n = 1;
    alerts[0].labels.l = one;
    alerts[0].labels.n = 2;
    alerts[0].starts_ms = 1700000000000;
    alerts[1].labels.l = two;
    alerts[1].labels.n = 2;
    alerts[1].starts_ms = 1700000000000;
    alerts[1].ends_ms = 1700000060000;

    n.receiver = &receiver;
    n.route = &route;
    n.reason = PHR_REASON_FIRST;
    n.now_ms = 1700000120000;
    n.group_labels.l = one;
    n.group_labels.n = 1;
    n.alerts = alerts;
    n.nalerts = 2;

    phr_buf_init(&out, 0);
    phr_err_init(&err);

    rc = (html ? phr_vm_expand_notice_html : phr_vm_expand_notice)
         (vm, &n, phr_str_of("http://a"), phr_str_from_c(text), &out, &err);

    is_str(rc == PHR_OK ? phr_buf_cstr(&out) : err.text, want, "%s", text);
    phr_buf_free(&out);
}


static void
notice_gives(const char *text, const char *want)
{
    field_gives(0, text, want);
}


static void
html_gives(const char *text, const char *want)
{
    field_gives(1, text, want);
}


static void
test_notice(void)
{
    notice_gives("plain", "plain");
    notice_gives("[{{ .Status | toUpper }}:{{ .Alerts.Firing | len }}] "
                 "{{ .CommonLabels }} {{ .GroupLabels }} {{ .Receiver }}",
                 "[FIRING:1] alertname=A alertname=A web");
    notice_gives("{{ range .Alerts }}{{ .Status }} {{ .Labels.x }} "
                 "{{ .EndsAt }} {{ since .StartsAt }};{{ end }}",
                 "firing 1 0001-01-01 00:00:00 +0000 UTC 2m0s;"
                 "resolved 2 2023-11-14 22:14:20 +0000 UTC 2m0s;");
    notice_gives("{{ template \"a\" . }}", "x");
    notice_gives("{{ routeLabels \"team\" }} {{ .NotificationReason }} "
                 "{{ .ExternalURL }}", "t-firing first notification "
                 "http://a");
    html_gives("<a href=\"{{ .ExternalURL }}?q={{ .Status }}\">"
               "{{ \"<b>\" }}</a>",
               "<a href=\"http://a?q=firing\">&lt;b&gt;</a>");
    notice_gives("{{ .Nope }}", "template: :1:3: executing \"\" at <.Nope>: "
                 "can't evaluate field Nope in type *template.Data");
}


static void
test_limits(void)
{
    phr_vm_t       *small;
    phr_err_t       err;
    phr_vm_conf_t   conf;

    memset(&conf, 0, sizeof(conf));
    conf.lua_path = "lua";
    conf.max_steps = 2000000;
    conf.memory_bytes = 8 * 1024 * 1024;

    if (phr_vm_create(&conf, &small, &err) != PHR_OK) {
        ok(0, "a VM with small limits: %s", err.text);
        return;
    }

    fails(small, "{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}",
          PHR_ELIMIT, "endless work is stopped");
    fails(small, "{{ range 30000 }}0123456789012345678901234567890123456789"
          "{{ end }}",
          PHR_EEXEC, "a long text is refused");
    fails(small, "{{ $a := list 1 }}", PHR_EEXEC,
          "functions of notices are not known to rules");
    fails(small, "{{ $s := `0123456789012345678901234567890123456789` }}"
          "{{ range 100000 }}{{ $s = print $s $s }}{{ end }}",
          PHR_ELIMIT, "memory is bounded");
    is_int(phr_vm_template_check(small, PHR_VM_RULE, phr_str_of("R"),
                                 phr_str_of("{{ $value }}"), &err),
           PHR_OK, "and the VM goes on");

    phr_vm_destroy(small);

    conf.lua_path = "t";
    is_int(phr_vm_create(&conf, &small, &err), PHR_EIO,
           "missing modules are an error");
}


int
main(void)
{
    phr_err_t      err;
    phr_vm_conf_t  conf;

    memset(&conf, 0, sizeof(conf));
    conf.lua_path = "lua";

    if (!ok(phr_vm_create(&conf, &vm, &err) == PHR_OK, "a VM is created")) {
        printf("# %s\n", err.text);
        return done_testing();
    }

    test_expand();
    test_regex();
    test_check();
    test_load();
    test_notice();
    test_limits();

    phr_vm_destroy(vm);

    return done_testing();
}
