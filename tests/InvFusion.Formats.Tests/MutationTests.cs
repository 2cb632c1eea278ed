using InvFusion.Formats.Numpy;
using InvFusion.Formats.PyTorch;
using InvFusion.Formats.Safetensors;
using InvFusion.Formats.TensorFlow;
using InvFusion.Formats.Tests.PyTorch;
using InvFusion.Formats.Tests.TensorFlow;
using Xunit;

namespace InvFusion.Formats.Tests;

/// <summary>Valid files, spoiled at random: each is read or refused by the one error that says so, within bounded memory.</summary>
public sealed class MutationTests : IDisposable
{
    private const int Cases = 3000;
    private const long Bound = 64 << 20;
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void SpoiledSafetensors()
    {
        SafetensorsWriter.Write(
            _folder.File("x"),
            [.. Samples.Tensors(3).Select(t => t.Tensor)],
            new Dictionary<string, string> { ["k"] = "v" }
        );
        Spoil(File.ReadAllBytes(_folder.File("x")), b => b, ReadSafetensors);
    }

    [Theory]
    [InlineData(ElementType.F32)]
    [InlineData(ElementType.Bool)]
    public void SpoiledNpy(ElementType type)
    {
        Npy.Write(_folder.File("x"), new NpyArray(type, [2, 3], Samples.Bytes(new Random(1), type, [2, 3])));
        Spoil(File.ReadAllBytes(_folder.File("x")), b => b, path => Npy.Read(path).ToDoubles());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void SpoiledNpz(bool compress)
    {
        var arrays = new Dictionary<string, NpyArray>
        {
            ["mu"] = NpyArray.FromDoubles(new double[50], 50),
            ["ü"] = NpyArray.FromBytes([1, 2], 2),
        };
        Npz.Write(_folder.File("x"), arrays, compress);
        Spoil(File.ReadAllBytes(_folder.File("x")), b => b, ReadNpz);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public void SpoiledPyTorchArchives(int protocol) => Spoil(TorchFile.FromPython(protocol), b => b, ReadCheckpoint);

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public void SpoiledPicklesInWholeArchives(int protocol)
    {
        using var stream = typeof(TorchFile).Assembly.GetManifestResourceStream($"protocol{protocol}.pkl")!;
        var pickle = new byte[stream.Length];
        stream.ReadExactly(pickle);
        Spoil(pickle, p => TorchFile.Zip(p, ("0", new byte[24]), ("1", new byte[4]), ("2", new byte[8])), ReadCheckpoint);
    }

    [Fact]
    public void SpoiledManifests()
    {
        _folder.Write("x.bin", ManifestFileTests.Elements());
        Spoil(System.Text.Encoding.UTF8.GetBytes(ManifestFileTests.Json), b => b, ReadManifest);
    }

    private void Spoil(byte[] valid, Func<byte[], byte[]> wrap, Action<string> read)
    {
        var random = new Random(valid.Length);
        read(_folder.Write("spoiled", wrap(valid))); // the file is fine before
        var refused = 0;
        for (var i = 0; i < Cases; i++)
        {
            var path = _folder.Write("spoiled", wrap(Mutate(random, valid)));
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                read(path);
            }
            catch (DataFormatException e)
            {
                refused++;
                Assert.StartsWith(path, e.Message);
                Assert.DoesNotContain('\n', e.Message);
            }
            catch (Exception e)
            {
                Assert.Fail($"case {i}: {e}");
            }
            Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < Bound, $"case {i} took too much memory");
        }
        Assert.True(refused > Cases / 10, $"only {refused} of {Cases} were refused");
    }

    private static byte[] Mutate(Random random, byte[] valid)
    {
        var bytes = valid.ToArray();
        for (var flips = random.Next(1, 6); flips > 0; flips--)
        {
            var at = random.Next(bytes.Length);
            bytes[at] = random.Next(3) switch
            {
                0 => (byte)(bytes[at] ^ (1 << random.Next(8))),
                1 => (byte)random.Next(256),
                _ => random.Next(2) == 0 ? (byte)0 : (byte)255,
            };
        }
        return random.Next(5) == 0 ? bytes[..random.Next(bytes.Length)] : bytes;
    }

    private static void ReadSafetensors(string path)
    {
        using var file = SafetensorsFile.Open(path);
        foreach (var name in file.Tensors.Keys)
            file.ReadSingles(name);
    }

    private static void ReadManifest(string path)
    {
        using var file = ManifestFile.Open(path);
        foreach (var name in file.Shapes.Keys)
            file.ReadSingles(name);
    }

    private static void ReadNpz(string path)
    {
        using var file = Npz.Read(path);
        foreach (var name in file.Names)
            file.Read(name).ToSingles();
    }

    private static void ReadCheckpoint(string path)
    {
        using var checkpoint = PyTorchCheckpoint.Open(path);
        foreach (var entry in checkpoint.Entries.Intersect(["ema", "net"]))
        foreach (var tensor in checkpoint.StateDict(entry).Values)
            tensor.ReadSingles();
    }
}
