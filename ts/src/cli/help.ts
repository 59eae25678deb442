/** What `--help` says, by command. */

/** What `bench` runs unless told otherwise. */
export const BENCHED = [
  ...["alexnet", "vgg19", "googlenet", "resnet18", "resnet50"],
  ...["densenet121", "efficientnet_b0", "squeezenet1_1", "mobilenet_v2"],
];

export const HELP = {
  convzoo: `Usage: convzoo COMMAND

Image classification with convolutional networks.

  convzoo classify FILE...   what is on these images?
  convzoo dense FILE         where on this image is it?
  convzoo describe MODEL     a network layer by layer
  convzoo models             the networks there are
  convzoo bench              how fast are they here?
  convzoo convert IN OUT     a checkpoint in another format or precision
  convzoo cache ls           the weights that were downloaded
  convzoo bulk IMAGE...      very many images, on one machine or many
  convzoo serve              models over HTTP, for KServe's and Triton's clients and for curl
  convzoo help [COMMAND]     this text, or that of a command
  convzoo --version

Exit codes: 0 all is well; 1 a file failed, the others did not; 2 nothing could be done; 130 Ctrl-C.
`,
  classify: `Usage: convzoo classify FILE... [options]

The most probable classes of each image (JPEG, PNG, WebP, GIF or BMP). FILE is one of

  a path or URL     dog.jpg, https://example.org/dog.jpg
  a folder          the images in it and in its folders
  a pattern         'photos/**/*.jpg', in quotes where the shell knows no **
  -                 standard input

What is computed:
  -m, --model M     the network, by its name in \`convzoo models\` (squeezenet1_1)
  -w, --weights W   a checkpoint: path or URL of a .safetensors file,
                    or a name from \`convzoo models\` (the model's first)
      --crops C     which parts of the image are seen (center):
                      center    the middle
                      five      the middle and the four corners
                      ten       these, and those of the reflected image
                      random    five by chance and their reflections; random:N for N
                      dense     all of the image in its own size, slid over
      --seed N      which random crops (0)
      --average A   what is averaged over crops: probabilities or scores (probabilities)
      --device D    where to compute: auto, wasm or webgpu (auto)
      --threads N   threads that compute (as many as the machine has cores)
      --batch N     how many images or crops run together at most (8)

What is printed:
  -k, --topk K      how many classes to show (5)
      --json        an array with an object for each file:
                    { file, model, device, threads, ms, top: [{ index, label, score, probability }] }
                    or, where it failed, { file, error: { code, message } }
      --jsonl       the same objects as they come, one a line
      --csv         a row for each class: file,model,device,threads,ms,rank,index,label,score,probability
  -h, --help        this text

A file that fails is named on standard error (with --json and --jsonl: in its place) and does not stop
the others; the exit code is then 1. Ctrl-C ends after what is done, with 130.

Examples:
  convzoo classify dog.jpg cat.jpg --topk 3
  convzoo classify photos --csv > classes.csv
  curl -s https://example.org/dog.jpg | convzoo classify - --crops ten
  convzoo classify digit.png --model lenet5
`,
  dense: `Usage: convzoo dense FILE [options]

The network slid over an image: where it sees a class. Writes the image under a map of that class's score.

  -m, --model M     the network, by its name in \`convzoo models\` (squeezenet1_1)
  -w, --weights W   a checkpoint: path or URL of a .safetensors file,
                    or a name from \`convzoo models\` (the model's first)
  -l, --label L     the class, by name or number (the one that \`classify\` finds)
      --pooling P   window: each score is that of a crop; cell: a class activation map (window)
      --fine        OverFeat's finer map: the last max-pooling at stride 1
      --scales S    factors of the image's size, such as 1,1.5,2; or overfeat, its six sizes (1)
  -o, --out FILE    the picture, as PNG (heat.png)
      --device D    where to compute: auto, wasm or webgpu (auto)
      --threads N   threads that compute (as many as the machine has cores)
      --json        { file, model, device, threads, ms, index, label, map: [rows, columns], stride,
                    peaks: [{ score, i, j, x, y, box: { x, y, width, height } }], out }
  -h, --help        this text

Examples:
  convzoo dense dog.jpg --label Samoyed --scales 1,1.5
  convzoo dense dog.jpg --pooling cell --out activation.png
`,
  describe: `Usage: convzoo describe MODEL [options]

The network as PyTorch prints it, then its layers with output shapes, parameters and multiply-adds.

  -i, --input CxHxW  the input's size (what the network was trained on)
      --device D     wasm or webgpu: with webgpu also what a GPU would be given (wasm)
      --json         { name, family, year, paper, input, rows, params, macs, bytes, gpu, print }
  -h, --help         this text

Example:
  convzoo describe squeezenet1_1 --input 3x448x448
`,
  models: `Usage: convzoo models [options]

The networks of the zoo: size, work, accuracy, and the weights that are registered for them.

      --family F,...  only these families
      --year Y        only papers of this year, or of several: 2012-2014
      --weights       only networks with weights in the package
      --sort S        by name, year, params, macs or top1 (best first)
      --plot FILE     draw size against accuracy on ImageNet, as SVG
      --json          an array with an object for each network
  -h, --help          this text

Examples:
  convzoo models --year 2015-2016 --sort top1
  convzoo models --family resnet,densenet,efficientnet --plot size.svg
`,
  bench: `Usage: convzoo bench [options]

How fast are the networks on this machine? One image, float32, random weights.

      --models M,...  the networks
                      (${BENCHED.slice(0, 4).join(",")},
                      ${BENCHED.slice(4).join(",")})
      --device D      where to compute: auto, wasm or webgpu (auto)
      --threads N     threads that compute (as many as the machine has cores)
      --runs N        how many runs are timed (20)
      --tune          find the fastest algorithm of each convolution first
      --profile       each network layer by layer, too: time, and the share of the machine's peak
      --peers         other engines beside convzoo, on the CPU, in turns, with the same numbers: of onnxruntime-web,
                      onnxruntime-node (native code) and tfjs (@tensorflow/tfjs-core with
                      @tensorflow/tfjs-backend-wasm) those that are installed in the folder where this runs
      --json          an array with an object for each network: { model, input, device, core, threads,
                      loadMs, firstMs, medianMs, bestMs, macs, memory, tuning, steps, peakGflops,
                      peers: [{ engine, version, threads, medianMs, bestMs, timesOurs, differsBy, failed }] }
  -h, --help          this text

LiteRT.js runs in browsers only: \`npm run bench\` in convzoo's repository has it.

Examples:
  convzoo bench --models resnet18,mobilenet_v2 --threads 1 --profile
  npm install onnxruntime-web && convzoo bench --models resnet18 --peers
`,
  convert: `Usage: convzoo convert IN OUT [options]

Writes a checkpoint (path or URL) as a .safetensors file.

      --dtype T            f32, f16 or bf16: what floating-point numbers are rounded to (as they are)
  -m, --model M            the network that it must fit, by its name in \`convzoo models\`
      --prefix P           what its keys begin with; taken off, keys without it are left out
      --fold-batch-norm    multiply the batch norms' factors into the convolutions before them
                           (with --model), so that rounding rounds what is computed with
  -h, --help               this text

Example:
  convzoo convert resnet50.safetensors half.safetensors --dtype f16 --model resnet50
`,
  cache: `Usage: convzoo cache ls | rm FILE... | rm --all | verify [options]

The weights that were downloaded: CONVZOO_CACHE says where they are kept (the user's cache folder).

  ls           what there is
  rm           remove these files, or all
  verify       compare each file with the hash in its name; what is damaged is removed (exit code 1)
      --json   an array with an object for each file
  -h, --help   this text
`,
  bulk: `Usage: convzoo bulk IMAGE... --out FOLDER [options]
       convzoo bulk --work --queue URL [options]
       convzoo bulk --status --out FOLDER

Very many images. They are cut into jobs; each job's results are a file in FOLDER/parts, written once and whole,
and what has no result is in FOLDER/failed, with the reason. Stopped or killed, the same command goes on from there.

What is worked on: files, folders, patterns, URLs, and
      --list FILE   a list of them: a place a line, .jsonl, or .csv, with a column file, path, url or image;
                    paths count from the list's folder (again for several lists)
      --urls        lists may name URLs
      --anywhere    lists may name files outside of their folder

What is computed:
  -m, --model M     the network, by its name in \`convzoo models\` (squeezenet1_1)
  -w, --weights W   a checkpoint: path or URL, or a name from \`convzoo models\`
      --give G      topk: the most probable classes; embedding: the vector before the classifier;
                    peaks: where a class is seen (topk)
  -k, --topk K      how many classes or peaks (5)
  -l, --label L     with peaks, the class (each image's most probable)
      --crops, --seed, --average   as in \`convzoo classify\`

How it is done:
  -o, --out FOLDER  the results; with --queue, one that all machines see
      --parquet     Apache Parquet beside the lines of JSON
      --images N    images a job (32)
      --workers N   jobs at a time here (1)
      --threads N   threads of each (the cores, shared among them)
      --queue URL   hand the jobs out through a Redis or Valkey server: redis://host:6379
      --work        do jobs of whatever runs are in the queue, until Ctrl-C
      --retries N   how often a job that failed as a whole is tried again (3)
      --dry-run     only count
      --status      only say how far the run in FOLDER is
      --json        the sum, or with --work each job, as JSON
  -h, --help        this text

The exit code is 1 where images failed or jobs were given up (FOLDER/dead.jsonl), 130 after Ctrl-C.

Examples:
  convzoo bulk photos --out classes --parquet
  convzoo bulk --list photos.csv --give embedding --out vectors --queue redis://queue:6379
  convzoo bulk --work --queue redis://queue:6379
`,
  serve: `Usage: convzoo serve [options]

Serves models over HTTP: the Open Inference Protocol v2 under /v2, images at POST /classify and POST /dense,
numbers for Prometheus at /metrics. Wants packages beside convzoo, and says how to install them.

  -c, --config FILE   models, limits and the rest, in YAML
  -m, --model M       a network to serve, by its name in \`convzoo models\`; may be repeated (squeezenet1_1)
      --threads N     threads of each (as many as the machine has cores)
      --host H        the address to listen to (127.0.0.1: this machine alone)
  -p, --port N        (8000)
      --check         read the configuration, say what is wrong with it, and end
  -h, --help          this text

SIGHUP reads the configuration again and loads its models anew, SIGTERM and Ctrl-C finish what was accepted and end.
CONVZOO_TOKEN, or the file that the configuration names, is the bearer token that clients must send.

Example:
  convzoo serve --model squeezenet1_1 --port 8000
  curl --data-binary @dog.jpg 'localhost:8000/classify?topk=3'
`,
} as const;
