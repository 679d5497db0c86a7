"""Writes C that carries the shipped models (default first) and openapi.json: embed.py OUT OPENAPI MODEL..."""
import pathlib
import sys


def array(data: bytes) -> str:
    """Numbers, as a string literal of this length is beyond what C promises."""
    numbers = [str(byte if byte < 128 else byte - 256) for byte in data]
    return ',\n'.join('\t' + ','.join(numbers[i:i + 30]) for i in range(0, len(numbers), 30))


target, openapi, *models = sys.argv[1:]
models = sorted((pathlib.Path(m) for m in models), key=lambda m: (m.stem != 'default', m.stem))
text = '#include "api/embedded.h"\n\n'
for i, model in enumerate(models):
    text += f'static const char model_{i}[] = {{\n{array(model.read_bytes())}}};\n'
text += f'static const char openapi[] = {{\n{array(pathlib.Path(openapi).read_bytes())}}};\n\n'
text += 'const struct engine_model_text embedded_models[] = {\n'
for i, model in enumerate(models):
    text += f'\t{{{{"{model.stem}", {len(model.stem)}}}, {{model_{i}, sizeof(model_{i})}}}},\n'
text += f'}};\nconst size_t embedded_n_models = {len(models)};\n'
text += 'const struct span embedded_openapi = {openapi, sizeof(openapi)};\n'
pathlib.Path(target).write_text(text)
