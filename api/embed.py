"""Writes C that carries the shipped models (default first) and openapi.json: embed.py OUT OPENAPI MODEL..."""
import pathlib
import sys


def literal(data: bytes) -> str:
    out, line = [], ''
    for byte in data:
        char = chr(byte)
        line += {'"': '\\"', '\\': '\\\\', '\n': '\\n', '\t': '\\t', '?': '\\?'}.get(
            char, char if 32 <= byte < 127 else f'\\{byte:03o}')
        if len(line) > 110 or byte == 10:
            out.append(f'\t"{line}"')
            line = ''
    out.append(f'\t"{line}"')
    return '\n'.join(out)


target, openapi, *models = sys.argv[1:]
models = sorted((pathlib.Path(m) for m in models), key=lambda m: (m.stem != 'default', m.stem))
text = '#include "api/embedded.h"\n\n'
for i, model in enumerate(models):
    text += f'static const char model_{i}[] =\n{literal(model.read_bytes())};\n'
text += f'static const char openapi[] =\n{literal(pathlib.Path(openapi).read_bytes())};\n\n'
text += 'const struct engine_model_text embedded_models[] = {\n'
for i, model in enumerate(models):
    text += f'\t{{{{"{model.stem}", {len(model.stem)}}}, {{model_{i}, sizeof(model_{i}) - 1}}}},\n'
text += f'}};\nconst size_t embedded_n_models = {len(models)};\n'
text += 'const struct span embedded_openapi = {openapi, sizeof(openapi) - 1};\n'
pathlib.Path(target).write_text(text)
