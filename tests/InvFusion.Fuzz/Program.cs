using InvFusion.Fuzz;
using InvFusion.Runtime;

// dotnet run --project tests/InvFusion.Fuzz -c Release [-- --mutations N] [--minutes M] [--format NAME] [--seed N] [--findings FOLDER] [FILES]
// Reads mutations of valid files of every format, or the given files (a finding's name begins with that of its format). Exit code 1 where one is met with anything
// but its content or an error of its format, takes more than two seconds or more than 256 MiB; the whole program has a heap of 1 GiB.
TorchRuntime.Initialize(1);
var options = new Dictionary<string, string>();
var files = new List<string>();
for (var i = 0; i < args.Length; i++)
    if (args[i].StartsWith("--", StringComparison.Ordinal) && i + 1 < args.Length)
        options[args[i]] = args[++i];
    else
        files.Add(args[i]);
var formats = FuzzFormats.All().Where(f => options.GetValueOrDefault("--format", f.Name) == f.Name).ToArray();
if (formats.Length == 0)
    throw new ArgumentException($"--format: choose from {string.Join(", ", FuzzFormats.All().Select(f => f.Name))}");
if (files.Count > 0)
    return Replay.Run(formats, files);
var minutes = double.Parse(options.GetValueOrDefault("--minutes", "10"));
var mutations = int.Parse(options.GetValueOrDefault("--mutations", "100000"));
var fuzzer = new Fuzzer(options.GetValueOrDefault("--findings", "findings"), DateTime.UtcNow.AddMinutes(minutes));
foreach (var format in formats)
    fuzzer.Run(format, mutations, int.Parse(options.GetValueOrDefault("--seed", "1")));
Console.WriteLine(fuzzer.Found == 0 ? "nothing found" : $"{fuzzer.Found} found");
return fuzzer.Found == 0 ? 0 : 1;
