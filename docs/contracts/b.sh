#!/bin/sh
# Contract B, user notifications: what its clients send. BASE says where; each line prints the status and the answer.
BASE=${BASE:-http://127.0.0.1:3000}
say() { curl -sS -w ' %{http_code}\n' "$@"; }
json='Content-Type: application/json'

say -X POST "$BASE/user/notification" -H "$json" -d '{"user_id":[1,2],"type":"inapp","description":"Your order has shipped."}'
say -X POST "$BASE/user/notification" -H "$json" -d '{"user_id":[2,3],"type":"inapp","description":"Your order has shipped."}'
say -X POST "$BASE/user/notification" -H "$json" -d '{"user_id":[4],"type":"fax","description":"x"}'
say -X POST "$BASE/user/notification" -H "$json" -d '{"user_id":["4"],"type":"sms","description":"x"}'
say -X POST "$BASE/user/notification" -H "$json" -d '{"user_id":'
say -o /dev/null "$BASE/"
say -o /dev/null "$BASE/metrics"
say -o /dev/null "$BASE/swagger/"
