# What a workspace of the process backend runs: it writes down that it lives, and sends heartbeats.
# The kernel says whether another of its workspace still runs: both want the lock in their volume.
# Its marker: deployment, workspace, generation, row of the ledger, installation.
row=${BERTH_INSTANCE#*/*/*/}
say() {
  printf '{"at":%s,"workspace":"%s","generation":%s,"resource":"%s","what":"%s","status":%s}\n' \
    "$(date +%s%3N)" "$BERTH_WORKSPACE_ID" "$BERTH_GENERATION" "${row%%/*}" "$1" "$2" >>"$HARNESS_AGENTS"
}
printf '%s\n' "$BERTH_TOKEN" >>"$HARNESS_SECRETS"
exec 9>>"$HOME/lock"
if flock --nonblock 9; then say start 0; else say overlap 0; fi
trap 'say end 0; exit 0' TERM
while [ -e "$HOME/lock" ]; do
  curl --silent --max-time 3 --output /dev/null --write-out '%{http_code}' "$BERTH_URL/registry/heartbeat" \
    --header "Authorization: Bearer $BERTH_TOKEN" --header 'Content-Type: application/json' \
    --data "{\"workspace_id\":\"$BERTH_WORKSPACE_ID\",\"active_tasks\":1}" >"$HOME/answer" 9>&- || true
  say beat "$(sed 's/^0*//;s/^$/0/' "$HOME/answer" 9>&-)"
  sleep 3 9>&- &
  wait $!
done
say homeless 0
