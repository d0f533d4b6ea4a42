/*
 * Copyright (C) The Pharos Authors
 *
 * Token: what is known of each kind of token, and how messages name one.
 * Reading tokens is the lexer's business.
 */

#include "promql/lexer.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/utf8.h"


/* a long token is cut in messages */
#define PHR_TOKEN_SHOWN  10


static const struct {
    const char         *text;
    phr_token_class_e   class;
} phr_tokens[] = {
#define PHR_TOKEN(name, text, class)  { text, PHR_TOKC_##class },
#include "promql/token_list.h"
};


const char *
phr_token_text(phr_token_e t)
{
    return phr_tokens[t].text ? phr_tokens[t].text : "";
}


phr_token_class_e
phr_token_class(phr_token_e t)
{
    return phr_tokens[t].class;
}


int
phr_token_is_comparison(phr_token_e t)
{
    return phr_tokens[t].class == PHR_TOKC_COMPARE;
}


int
phr_token_is_set(phr_token_e t)
{
    return phr_tokens[t].class == PHR_TOKC_SET;
}


int
phr_token_is_aggregation(phr_token_e t)
{
    return phr_tokens[t].class == PHR_TOKC_AGGREGATION
           || phr_tokens[t].class == PHR_TOKC_DIALECT_AGGREGATION;
}


int
phr_token_is_dialect(phr_token_e t)
{
    return t >= PHR_TOK_DEFAULT;
}


int
phr_token_takes_param(phr_token_e t)
{
    switch (t) {

    case PHR_TOK_BOTTOMK:
    case PHR_TOK_COUNT_VALUES:
    case PHR_TOK_LIMITK:
    case PHR_TOK_LIMIT_RATIO:
    case PHR_TOK_QUANTILE:
    case PHR_TOK_TOPK:
    case PHR_TOK_BOTTOMK_AVG:
    case PHR_TOK_BOTTOMK_LAST:
    case PHR_TOK_BOTTOMK_MAX:
    case PHR_TOK_BOTTOMK_MEDIAN:
    case PHR_TOK_BOTTOMK_MIN:
    case PHR_TOK_OUTLIERS_MAD:
    case PHR_TOK_OUTLIERSK:
    case PHR_TOK_TOPK_AVG:
    case PHR_TOK_TOPK_LAST:
    case PHR_TOK_TOPK_MAX:
    case PHR_TOK_TOPK_MEDIAN:
    case PHR_TOK_TOPK_MIN:
        return 1;

    default:
        return 0;
    }
}


static void
phr_token_quote_cut(phr_buf_t *b, phr_str_t text)
{
    int          n;
    const char  *p, *end;

    if (text.len <= PHR_TOKEN_SHOWN) {
        phr_utf8_quote(b, text);
        return;
    }

    p = text.data;
    end = text.data + text.len;

    for (n = 0; n < PHR_TOKEN_SHOWN; n++) {
        (void) phr_utf8_decode(&p, end);
    }

    phr_utf8_quote(b, phr_str_from(text.data, (size_t) (p - text.data)));
    phr_buf_puts(b, "...");
}


void
phr_token_describe(phr_buf_t *b, const phr_token_t *t)
{
    switch (phr_tokens[t->kind].class) {

    case PHR_TOKC_KEYWORD:
        phr_buf_printf(b, "<%.*s>", (int) t->text.len, t->text.data);
        return;

    case PHR_TOKC_AGGREGATION:
    case PHR_TOKC_DIALECT_AGGREGATION:
        phr_buf_printf(b, "<aggr:%.*s>", (int) t->text.len, t->text.data);
        return;

    case PHR_TOKC_ARITH:
    case PHR_TOKC_COMPARE:
    case PHR_TOKC_SET:
    case PHR_TOKC_OPERATOR:
    case PHR_TOKC_DIALECT_OPERATOR:
        phr_buf_printf(b, "<op:%.*s>", (int) t->text.len, t->text.data);
        return;

    case PHR_TOKC_PLAIN:
        break;

    default:
        phr_token_quote_cut(b, t->text);
        return;
    }

    switch (t->kind) {

    case PHR_TOK_EOF:
        phr_buf_puts(b, "end of input");
        return;

    case PHR_TOK_IDENTIFIER:
    case PHR_TOK_METRIC_IDENTIFIER:
        phr_buf_puts(b, t->kind == PHR_TOK_IDENTIFIER ? "identifier "
                                                      : "metric identifier ");
        phr_utf8_quote(b, t->text);
        return;

    default:
        phr_buf_puts(b, t->kind == PHR_TOK_NUMBER ? "number "
                        : t->kind == PHR_TOK_DURATION ? "duration "
                        : "string ");
        phr_token_quote_cut(b, t->text);
        return;
    }
}


int
phr_token_is_word(phr_token_e t)
{
    switch (phr_token_class(t)) {

    case PHR_TOKC_SET:
    case PHR_TOKC_AGGREGATION:
    case PHR_TOKC_KEYWORD:
    case PHR_TOKC_PREPROCESSOR:
        return 1;

    default:
        return 0;
    }
}


int
phr_lexer_error(phr_str_t input, phr_err_t *err, int32_t start, int32_t end,
    const char *fmt, ...)
{
    char      text[PHR_ERR_TEXT];
    int32_t   i;
    va_list   args;

    if (err == NULL) {
        return PHR_EPARSE;
    }

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    /* in no text there is no place */

    if (input.len == 0) {
        return phr_err_set(err, PHR_EPARSE, "unknown position: parse error:"
                           " %s", text);
    }

    (void) phr_err_at(err, PHR_EPARSE, start, end, "parse error: %s", text);

    err->line = 1;
    err->column = (uint32_t) start + 1;

    for (i = 0; i < start; i++) {
        if (input.data[i] == '\n') {
            err->line++;
            err->column = (uint32_t) (start - i);
        }
    }

    return PHR_EPARSE;
}
