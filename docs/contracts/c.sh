#!/bin/sh
# Contract C, the notification service: what its clients send. BASE says where; each line prints the status and the answer.
BASE=${BASE:-http://127.0.0.1:3000}
API=$BASE/api/v1
say() { curl -sS -w ' %{http_code}\n' "$@"; }
json='Content-Type: application/json'

sent=$(curl -sS "$API/notifications" -H "$json" -d '{"channel":"sms","recipient":"+905551234567","content":"Your code is 4711.","priority":"high","idempotency_key":"order-4711"}')
echo "$sent"
say "$API/notifications" -H "$json" -d '{"channel":"sms","recipient":"+905551234567","content":"Your code is 4711.","priority":"high","idempotency_key":"order-4711"}'
sleep "${SETTLE:-1}"
say "$API/notifications/$(echo "$sent" | sed 's/^{"id":"\([^"]*\)".*/\1/')"
say "$API/notifications" -H "$json" -d '{"channel":"sms","recipient":"0555","content":"x","priority":"high"}'

template=$(curl -sS "$API/templates" -H "$json" -d '{"name":"shipped","channel":"push","body":"{{.Name}}, order {{.Order}} has shipped."}')
echo "$template"
template=$(echo "$template" | sed 's/^{"id":"\([^"]*\)".*/\1/')
say "$API/templates/$template"
say "$API/templates"
say "$API/notifications" -H "$json" -d '{"channel":"push","recipient":"device-1","priority":"normal","template_id":"'"$template"'","template_variables":{"Name":"Ada","Order":"4711"}}'
say "$API/notifications" -H "$json" -d '{"channel":"push","recipient":"device-1","priority":"normal","template_id":"00000000-0000-0000-0000-000000000000"}'

later=$(date -u -d '+1 day' +%Y-%m-%dT%H:%M:%SZ 2>/dev/null || date -u -v+1d +%Y-%m-%dT%H:%M:%SZ)
batch=$(curl -sS "$API/notifications/batch" -H "$json" -d '{"notifications":[{"channel":"email","recipient":"ada@example.com","content":"Hello","priority":"low"},{"channel":"email","recipient":"ben@example.com","content":"Later","priority":"normal","scheduled_at":"'"$later"'"}]}')
echo "$batch"
sleep "${SETTLE:-1}"
say "$API/batches/$(echo "$batch" | sed 's/^{"batch":{"id":"\([^"]*\)".*/\1/')"
second=$(echo "$batch" | sed 's/.*{"id":"\([^"]*\)".*/\1/')
say -X PATCH "$API/notifications/$second/cancel"
say "$API/notifications/$second"
say -X PATCH "$API/notifications/00000000-0000-0000-0000-000000000000/cancel"
say "$API/notifications?status=cancelled&channel=email&page_size=1"
say "$API/metrics"
say "$BASE/health"
say "$BASE/health/ready"
say -o /dev/null "$BASE/swagger/"
