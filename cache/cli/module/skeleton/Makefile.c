CLANG ?= clang
WASM_LD ?= wasm-ld

NAME.wasm: NAME.c
	$(CLANG) --target=wasm32 -O2 -ffreestanding -nostdlib -Wall -Wextra -c NAME.c -o NAME.o
	$(WASM_LD) --no-entry --strip-debug --stack-first -z stack-size=16384 NAME.o -o NAME.wasm

test: NAME.wasm
	cnn module check ./NAME.wasm
