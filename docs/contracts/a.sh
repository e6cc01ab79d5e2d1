#!/bin/sh
# Contract A, user messages: what its clients send. BASE says where; each line prints the status and the answer.
# FROM and TO are two of the users that Carillon knows: 1 to 4 of the demo unless said.
BASE=${BASE:-http://127.0.0.1:3000}
FROM=${FROM:-1}
TO=${TO:-2}
say() { curl -sS -w ' %{http_code}\n' "$@"; }

say "$BASE/notifications/$TO"
say -X POST "$BASE/send" -d "fromID=$FROM" -d "toID=$TO" -d 'message=Emma started following you.'
say -X POST "$BASE/send" --data-urlencode "fromID=$FROM" --data-urlencode "toID=$TO" --data-urlencode 'message=Emma liked your post: "Köln & Umgebung"'
sleep "${SETTLE:-1}"
say "$BASE/notifications/$TO"
say -X POST "$BASE/send" -d 'fromID=one' -d "toID=$TO" -d 'message=x'
say -X POST "$BASE/send" -d "fromID=$FROM" -d 'toID=99' -d 'message=x'
say -X POST "$BASE/send" -d "fromID=$FROM" -d "toID=$TO" -d 'message='
