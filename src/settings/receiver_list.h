/*
 * Copyright (C) The Pharos Authors
 *
 * Receiver list: the kinds of integrations, in the order in which those of a
 * receiver are told.  There is no guard: define PHR_RECEIVER, include this
 * file, and it is undefined again.
 *
 * PHR_RECEIVER(kind, name, resolved, check, exclusive)
 *
 *   kind       of phr_receiver_kind_e, without prefix
 *   name       <name>_configs, with the options phr_receiver_<name>_options
 *   resolved   send_resolved, if the file does not say
 *   check      and
 *   exclusive  see phr_schema_t
 */

PHR_RECEIVER(WEBHOOK, webhook, 1, NULL, phr_receiver_webhook_sets)
PHR_RECEIVER(EMAIL, email, 0, phr_receiver_email_check, NULL)
PHR_RECEIVER(SLACK, slack, 0, phr_receiver_slack_check, phr_receiver_slack_sets)
PHR_RECEIVER(PAGERDUTY, pagerduty, 1, NULL, phr_receiver_pagerduty_sets)
PHR_RECEIVER(OPSGENIE, opsgenie, 1, NULL, phr_receiver_opsgenie_sets)
PHR_RECEIVER(VICTOROPS, victorops, 1, phr_receiver_victorops_check,
             phr_receiver_victorops_sets)
PHR_RECEIVER(PUSHOVER, pushover, 1, phr_receiver_pushover_check,
             phr_receiver_pushover_sets)
PHR_RECEIVER(WECHAT, wechat, 0, NULL, phr_receiver_wechat_sets)
PHR_RECEIVER(SNS, sns, 1, phr_receiver_sns_check, NULL)
PHR_RECEIVER(TELEGRAM, telegram, 1, phr_receiver_telegram_check,
             phr_receiver_telegram_sets)
PHR_RECEIVER(DISCORD, discord, 1, NULL, phr_receiver_discord_sets)
PHR_RECEIVER(WEBEX, webex, 1, phr_receiver_webex_check, NULL)
PHR_RECEIVER(MSTEAMS, msteams, 1, NULL, phr_receiver_msteams_sets)
PHR_RECEIVER(MSTEAMSV2, msteamsv2, 1, NULL, phr_receiver_msteamsv2_sets)
PHR_RECEIVER(JIRA, jira, 1, NULL, NULL)
PHR_RECEIVER(ROCKETCHAT, rocketchat, 0, NULL, phr_receiver_rocketchat_sets)
PHR_RECEIVER(MATTERMOST, mattermost, 1, NULL, phr_receiver_mattermost_sets)
PHR_RECEIVER(INCIDENTIO, incidentio, 1, phr_receiver_incidentio_check,
             phr_receiver_incidentio_sets)

#undef PHR_RECEIVER
