#!/bin/sh
# What docker-compose.yml needs before its first start: secrets/ with the bot's token, a password for Redis and the
# rights of its users. Asks for the token, or reads it from standard input. Run again, it keeps what is there.
set -eu
cd "$(dirname "$0")/.."
umask 022 # containers have users of their own, who must read the files; the folder keeps everybody else out
secrets=${SECRETS:-secrets}
mkdir -p "$secrets"
chmod 700 "$secrets"

token=$secrets/malbeot_telegram_token
if [ ! -s "$token" ]; then
  [ ! -t 0 ] || { printf "The bot's token, from BotFather: " >&2; stty -echo; trap 'stty echo' EXIT; }
  read -r answer
  [ ! -t 0 ] || { stty echo; trap - EXIT; echo >&2; }
  case $answer in
    *[!0-9]*:*[!A-Za-z0-9_-]* | :* | *:) echo 'that is no token: 123456789:AAE…' >&2; exit 2 ;;
    [0-9]*:?*) printf '%s\n' "$answer" >"$token" ;;
    *) echo 'that is no token: 123456789:AAE…' >&2; exit 2 ;;
  esac
fi

if [ ! -s "$secrets/malbeot_redis_url" ] || [ ! -s "$secrets/redis_users" ]; then
  : >"$secrets/redis_users"
  for user in default malbeot operator; do # with the rights that SECURITY.md names
    password=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
    grep "^user $user " SECURITY.md | sed "s/PASSWORD/$password/" >>"$secrets/redis_users"
    [ $user = default ] || printf 'redis://%s:%s@redis:6379/0\n' $user "$password" >"$secrets/${user}_redis_url"
  done
  echo 'user health on nopass resetchannels -@all +ping' >>"$secrets/redis_users" # is the server up?
fi
echo 'ready: docker compose up -d' >&2
