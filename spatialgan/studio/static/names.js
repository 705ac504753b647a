// What people see of a model's name, which may be the path of a snapshot.

// The names as short as tells them apart: of paths, the end.
export function titles(names) {
  return names.map((name) => {
    const others = names.filter((other) => other !== name);
    const parts = name.split("/");
    for (let count = 1; count < parts.length; count++) {
      const end = parts.slice(-count).join("/");
      if (!others.some((other) => other === end || other.endsWith(`/${end}`))) return end;
    }
    return name;
  });
}

// A name for files: the title without what a file's name can't have.
export function fileName(title) {
  return title.replace(/\.safetensors$/, "").replaceAll(/[^\w.-]+/g, "_");
}

// Of a path, the file: where it lies is nobody else's business.
export function withoutFolders(name) {
  return name.split(/[\\/]/).at(-1);
}
