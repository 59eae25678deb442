import { build } from "esbuild";
import { gzipSync } from "node:zlib";
const dist=process.argv[2];
const r = await build({ stdin:{contents:`export { init, load, loadWeights, fromOnnx, decode, resize, preprocess, capabilities } from "./browser.js";`, resolveDir: dist}, bundle:true, splitting:true, minify:true, format:"esm", platform:"neutral", external:["node:*"], outdir:dist, write:false, metafile:true, logLevel:"error"});
const {outputs}=r.metafile;
const first=Object.keys(outputs).find(n=>outputs[n].entryPoint==="<stdin>");
const reached=new Set([first]);
for(const n of reached) for(const {path,kind} of outputs[n].imports) if(kind==="import-statement"&&outputs[path]) reached.add(path);
let t=0;
for(const n of reached){ const f=r.outputFiles.find(o=>o.path.endsWith(n.slice(n.lastIndexOf("/")))); const g=gzipSync(f.contents,{level:9}).length; t+=g; console.log(n.split("/").pop(), f.contents.length, g, Object.keys(outputs[n].inputs).map(x=>x.split("/").pop()).join(" ").slice(0,150)); }
console.log(t);
