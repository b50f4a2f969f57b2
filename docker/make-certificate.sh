#!/bin/sh
# make-certificate FOLDER: writes edge.pem and edge.key there, unless a certificate stands there already.
set -eu
folder=$1
if [ -f "$folder/edge.pem" ]; then
  exit 0
fi
umask 077
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj /CN=shop.example \
  -addext subjectAltName=DNS:shop.example,DNS:localhost,IP:127.0.0.1 \
  -keyout "$folder/edge.key" -out "$folder/edge.pem.new"
# The certificate appears last, so that a half-made pair is made again.
mv "$folder/edge.pem.new" "$folder/edge.pem"
