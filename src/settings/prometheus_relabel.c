/*
 * Copyright (C) The Pharos Authors
 *
 * prometheus.yml: relabel rules, read and checked.  They are applied by
 * ingest.
 */

#include "settings/prometheus_schema.h"

#include <strings.h>

#include "core/utf8.h"


/* which fields an action must or must not have */
#define PHR_RELABEL_TARGET    0x01    /* needs target_label */
#define PHR_RELABEL_NAME      0x02    /* target_label is a plain name */
#define PHR_RELABEL_NOREPL    0x04    /* replacement cannot be set */
#define PHR_RELABEL_ONLYEQ    0x08    /* source_labels and target_label only */
#define PHR_RELABEL_ONLYRE    0x10    /* regex only */


/* ORDER PHR_RELABEL */
static const struct {
    const char  *name;
    unsigned     rules;
} phr_relabel_actions[] = {
    { "replace", PHR_RELABEL_TARGET },
    { "keep", 0 },
    { "drop", 0 },
    { "keepequal", PHR_RELABEL_TARGET | PHR_RELABEL_NAME | PHR_RELABEL_NOREPL
                   | PHR_RELABEL_ONLYEQ },
    { "dropequal", PHR_RELABEL_TARGET | PHR_RELABEL_NAME | PHR_RELABEL_NOREPL
                   | PHR_RELABEL_ONLYEQ },
    { "hashmod", PHR_RELABEL_TARGET | PHR_RELABEL_NAME },
    { "labelmap", 0 },
    { "labeldrop", PHR_RELABEL_ONLYRE },
    { "labelkeep", PHR_RELABEL_ONLYRE },
    { "lowercase", PHR_RELABEL_TARGET | PHR_RELABEL_NAME
                   | PHR_RELABEL_NOREPL },
    { "uppercase", PHR_RELABEL_TARGET | PHR_RELABEL_NAME
                   | PHR_RELABEL_NOREPL },
};


static void phr_relabel_init(void *object);
static int phr_relabel_read(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
static int phr_relabel_regex_set(phr_schema_ctx_t *ctx,
    const phr_option_t *opt, void *member, const phr_yaml_node_t *node);
static void phr_relabel_regex_write(phr_buf_t *b, const phr_option_t *opt,
    const void *member, unsigned indent);
static int phr_relabel_action_set(phr_schema_ctx_t *ctx,
    const phr_option_t *opt, void *member, const phr_yaml_node_t *node);
static void phr_relabel_action_write(phr_buf_t *b, const phr_option_t *opt,
    const void *member, unsigned indent);
static int phr_relabel_check(phr_schema_ctx_t *ctx,
    const phr_relabel_conf_t *r, const phr_yaml_node_t *node);
static int phr_relabel_check_target(phr_schema_ctx_t *ctx,
    const phr_relabel_conf_t *r, const phr_yaml_node_t *node);
static int phr_relabel_template_valid(phr_str_t s, int legacy);
static int phr_relabel_is(phr_str_t s, const char *what);


static const phr_option_t  phr_relabel_options[] = {
    PHR_OPTION(phr_relabel_conf_t, source_labels, "source_labels",
               PHR_OPT_STRS, PHR_OPT_FLOW),
    PHR_OPTION(phr_relabel_conf_t, separator, "separator", PHR_OPT_STR,
               PHR_OPT_KEEP),
    { .name = "regex", .type = PHR_OPT_CUSTOM,
      .offset = offsetof(phr_relabel_conf_t, regex),
      .set = phr_relabel_regex_set, .write = phr_relabel_regex_write },
    PHR_OPTION(phr_relabel_conf_t, modulus, "modulus", PHR_OPT_UINT, 0),
    PHR_OPTION(phr_relabel_conf_t, target_label, "target_label",
               PHR_OPT_STR, 0),
    PHR_OPTION(phr_relabel_conf_t, replacement, "replacement", PHR_OPT_STR,
               PHR_OPT_KEEP),
    { .name = "action", .type = PHR_OPT_CUSTOM,
      .offset = offsetof(phr_relabel_conf_t, action),
      .set = phr_relabel_action_set, .write = phr_relabel_action_write },
};

const phr_schema_t  phr_relabel_schema = {
    .name = "a relabel configuration",
    .size = sizeof(phr_relabel_conf_t),
    .options = phr_relabel_options,
    .noptions = phr_nelems(phr_relabel_options),
    .init = phr_relabel_init,
    .check = phr_relabel_read
};


int
phr_relabels_check(phr_schema_ctx_t *ctx, phr_relabel_confs_t *rules,
    int legacy, const phr_yaml_node_t *list)
{
    int     rc;
    size_t  i;

    for (i = 0; i < rules->n; i++) {
        rules->r[i]->legacy_names = legacy;

        rc = phr_relabel_check(ctx, rules->r[i],
                               list != NULL && i < list->n ? list->items[i]
                                                           : NULL);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


int
phr_settings_name_valid(phr_str_t name, int legacy)
{
    if (legacy) {
        return phr_label_name_valid(name);
    }

    return name.len > 0 && phr_utf8_valid(name.data, name.len);
}


static void
phr_relabel_init(void *object)
{
    phr_relabel_conf_t  *r;

    r = object;
    r->separator = phr_str_of(";");
    r->regex = phr_str_of("(.*)");
    r->replacement = phr_str_of("$1");
}


static int
phr_relabel_read(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    size_t               i;
    phr_str_t            name;
    phr_relabel_conf_t  *r;

    r = object;

    for (i = 0; i < r->source_labels.n; i++) {
        name = r->source_labels.s[i];

        if (!phr_settings_name_valid(name, 0)) {
            return phr_schema_error(ctx, phr_yaml_get(node, "source_labels"),
                                    "\"%.*s\" is not a valid label name",
                                    (int) name.len, name.data);
        }
    }

    return phr_schema_regex(ctx, phr_yaml_get(node, "regex"), r->regex,
                            &r->re);
}


static int
phr_relabel_regex_set(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    void *member, const phr_yaml_node_t *node)
{
    if (phr_yaml_text(node, member) != PHR_OK) {
        return phr_schema_error(ctx, node, "\"regex\" must be a string, not "
                                "%s", phr_yaml_type_text(node->type));
    }

    return PHR_OK;
}


/* the default is left out: actions that take no regex refuse it */
static void
phr_relabel_regex_write(phr_buf_t *b, const phr_option_t *opt,
    const void *member, unsigned indent)
{
    const phr_str_t  *regex;

    regex = member;

    if (!phr_relabel_is(*regex, "(.*)")) {
        phr_buf_printf(b, "%*sregex: ", (int) indent, "");
        phr_yaml_write_scalar(b, *regex);
        phr_buf_putc(b, '\n');
    }
}


static int
phr_relabel_action_set(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    void *member, const phr_yaml_node_t *node)
{
    size_t                 i;
    phr_str_t              s;
    phr_relabel_action_e  *action;

    action = member;

    if (phr_yaml_text(node, &s) != PHR_OK) {
        return phr_schema_error(ctx, node, "\"action\" must be a string");
    }

    for (i = 0; i < phr_nelems(phr_relabel_actions); i++) {
        if (strlen(phr_relabel_actions[i].name) == s.len
            && strncasecmp(phr_relabel_actions[i].name, s.data, s.len) == 0)
        {
            *action = (phr_relabel_action_e) i;
            return PHR_OK;
        }
    }

    return phr_schema_error(ctx, node, "unknown relabel action \"%.*s\"",
                            (int) phr_min(s.len, 100), s.data);
}


static void
phr_relabel_action_write(phr_buf_t *b, const phr_option_t *opt,
    const void *member, unsigned indent)
{
    const phr_relabel_action_e  *action;

    action = member;

    phr_buf_printf(b, "%*saction: %s\n", (int) indent, "",
                   phr_relabel_actions[*action].name);
}


static int
phr_relabel_check(phr_schema_ctx_t *ctx, const phr_relabel_conf_t *r,
    const phr_yaml_node_t *node)
{
    unsigned     rules;
    const char  *name;

    name = phr_relabel_actions[r->action].name;
    rules = phr_relabel_actions[r->action].rules;

    if (r->action == PHR_RELABEL_HASHMOD && r->modulus == 0) {
        return phr_schema_error(ctx, node, "relabel configuration for "
                                "hashmod requires non-zero modulus");
    }

    if ((rules & PHR_RELABEL_TARGET) && r->target_label.len == 0) {
        return phr_schema_error(ctx, node, "relabel configuration for %s "
                                "action requires 'target_label' value", name);
    }

    if ((rules & PHR_RELABEL_NOREPL) && !phr_relabel_is(r->replacement, "$1"))
    {
        return phr_schema_error(ctx, phr_yaml_get(node, "replacement"),
                                "'replacement' can not be set for %s action",
                                name);
    }

    if ((rules & PHR_RELABEL_ONLYEQ)
        && (phr_yaml_get(node, "regex") != NULL || r->modulus != 0
            || !phr_relabel_is(r->separator, ";")))
    {
        return phr_schema_error(ctx, node, "%s action requires only "
                                "'source_labels' and 'target_label', and no "
                                "other fields", name);
    }

    if ((rules & PHR_RELABEL_ONLYRE)
        && (r->source_labels.s != NULL || r->target_label.len > 0
            || r->modulus != 0 || !phr_relabel_is(r->separator, ";")
            || !phr_relabel_is(r->replacement, "$1")))
    {
        return phr_schema_error(ctx, node, "%s action requires only 'regex', "
                                "and no other fields", name);
    }

    return phr_relabel_check_target(ctx, r, node);
}


static int
phr_relabel_check_target(phr_schema_ctx_t *ctx, const phr_relabel_conf_t *r,
    const phr_yaml_node_t *node)
{
    int          valid;
    unsigned     rules;
    phr_str_t    s;
    const char  *what;

    rules = phr_relabel_actions[r->action].rules;
    s = r->target_label;
    what = "target_label";
    valid = 1;

    if (r->action == PHR_RELABEL_REPLACE) {
        valid = (memchr(s.data, '$', s.len) != NULL)
                ? phr_relabel_template_valid(s, r->legacy_names)
                : phr_settings_name_valid(s, r->legacy_names);

    } else if (rules & PHR_RELABEL_NAME) {
        valid = phr_settings_name_valid(s, r->legacy_names);

    } else if (r->action == PHR_RELABEL_LABELMAP) {
        s = r->replacement;
        what = "replacement";
        valid = phr_relabel_template_valid(s, r->legacy_names);
    }

    if (valid) {
        return PHR_OK;
    }

    return phr_schema_error(ctx, phr_yaml_get(node, what), "\"%.*s\" is "
                            "invalid '%s' for %s action",
                            (int) phr_min(s.len, 100), s.data, what,
                            phr_relabel_actions[r->action].name);
}


/* a label name in which $1, ${1}, $name and ${name} may stand */
static int
phr_relabel_template_valid(phr_str_t s, int legacy)
{
    int     brace;
    char    c;
    size_t  i, start;

    if (!legacy) {
        return phr_settings_name_valid(s, 0);
    }

    for (i = 0; i < s.len; i++) {
        c = s.data[i];

        if (c != '$') {
            if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && c != '_'
                && (i == 0 || c < '0' || c > '9'))
            {
                return 0;
            }

            continue;
        }

        brace = (i + 1 < s.len && s.data[i + 1] == '{');
        i += brace;
        start = i;

        while (i + 1 < s.len
               && (s.data[i + 1] == '_'
                   || ((s.data[i + 1] | 0x20) >= 'a'
                       && (s.data[i + 1] | 0x20) <= 'z')
                   || (s.data[i + 1] >= '0' && s.data[i + 1] <= '9')))
        {
            i++;
        }

        if (i == start) {
            return 0;
        }

        if (brace) {
            i++;

            if (i >= s.len || s.data[i] != '}') {
                return 0;
            }
        }
    }

    return s.len > 0;
}


static int
phr_relabel_is(phr_str_t s, const char *what)
{
    return phr_str_eq(s, phr_str_from_c(what));
}
