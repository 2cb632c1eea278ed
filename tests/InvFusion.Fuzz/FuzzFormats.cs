using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using BitMiracle.LibTiff.Classic;
using InvFusion.Data;
using InvFusion.Formats;
using InvFusion.Formats.Numpy;
using InvFusion.Formats.Safetensors;
using InvFusion.Formats.TensorFlow;
using InvFusion.Formats.Tests.PyTorch;
using InvFusion.Imaging;
using InvFusion.Imaging.Tests;
using InvFusion.Metrics.References;
using InvFusion.Models;
using InvFusion.Testing;
using InvFusion.Tests.Models;

namespace InvFusion.Fuzz;

/// <summary>Every format that the program reads from files of others.</summary>
internal static class FuzzFormats
{
    private static readonly RgbImage Picture = Noise(21, 13);

    public static IReadOnlyList<FuzzFormat> All() =>
        [
            new("png", Png(), ReadImage, RepairPng),
            new("jpeg", Jpeg(), ReadImage),
            new("webp", [.. new[] { 90, 100 }.Select(quality => ImageEncoder.Encode(Picture, ".webp", quality))], ReadImage),
            new("bmp", [ImageEncoder.Encode(Picture, ".bmp"), Rle()], ReadImage),
            new("gif", Gif(), ReadImage),
            new("tiff", Tiffs(), ReadImage),
            new("idx", [Idx(false)], f => ReadSet(IdxSet.Open(f.Write("images-idx3-ubyte")))),
            new("idxgz", [Idx(true)], f => ReadSet(IdxSet.Open(f.Write("images-idx3-ubyte.gz")))),
            new("zip", [Zip(CompressionLevel.NoCompression), Zip(CompressionLevel.Optimal)], ReadZip),
            new("labels", [Encoding.UTF8.GetBytes("""{"labels": [["a.png", 3], ["b/c.png", 1]]}""")], ReadLabels),
            new("cached", [Cached()], f => ReadSet(CachedDataset.Open(f.Write("set.ifds"))), RepairCached),
            new("npy", Npys(), f => Npy.Read(f.Write("x.npy")).ToSingles()),
            new("npz", [Arrays(false), Arrays(true)], ReadArrays),
            new("reference", [Reference()], f => ReferenceFile.Load(f.Write("x.npz")).Dispose()),
            new("pickle", [PickledReference()], f => ReferenceFile.Load(f.Write("x.pkl")).Dispose()),
            new("torch", [Checkpoint()], ReadTensors),
            new("torchold", [OldCheckpoint()], ReadTensors),
            new("safetensors", [Weights()], ReadTensors),
            new("manifest", [Encoding.UTF8.GetBytes(Manifest)], ReadManifest),
            new("network", [Network()], f => NetworkFile.Load(f.Write("x.safetensors")).Dispose()),
        ];

    private static void ReadImage(FuzzFile file) => ImageDecoder.Decode(file.Content, "x");

    private static void ReadSet(IImageSet set)
    {
        using (set)
        {
            var planes = new byte[set.StoredBytes()];
            for (var i = 0; i < Math.Min(set.Count, 10); i++)
            {
                set.Read(i, planes);
                _ = set.Label(i);
            }
        }
    }

    private static void ReadZip(FuzzFile file)
    {
        using var source = new ZipSource(file.Write("x.zip"));
        var problem = (DataFormatException?)null;
        for (var i = 0; i < Math.Min(source.Count, 10); i++)
            try
            {
                source.Load(i);
            }
            catch (DataFormatException e)
            {
                problem = e;
            }
        if (problem is not null)
            throw problem;
    }

    private static void ReadLabels(FuzzFile file)
    {
        Directory.CreateDirectory(Path.Combine(file.Folder, "set", "b"));
        foreach (var name in new[] { "a.png", "b/c.png" })
            File.WriteAllBytes(Path.Combine(file.Folder, "set", name), []);
        file.Write("set/dataset.json");
        new FolderSource(Path.Combine(file.Folder, "set")).Dispose();
    }

    private static void ReadArrays(FuzzFile file)
    {
        using var arrays = Npz.Read(file.Write("x.npz"));
        foreach (var name in arrays.Names)
            arrays.Read(name).ToSingles();
    }

    private static void ReadTensors(FuzzFile file)
    {
        using var tensors = NamedTensors.Open(file.Write("x"));
        foreach (var name in tensors.Shapes.Keys)
            tensors.ReadSingles(name);
    }

    private static void ReadManifest(FuzzFile file)
    {
        File.WriteAllBytes(Path.Combine(file.Folder, "x.bin"), new byte[8]);
        using var manifest = ManifestFile.Open(file.Write("m.json"));
        foreach (var name in manifest.Shapes.Keys)
            manifest.ReadSingles(name);
    }

    private const string Manifest = """
        [{"weights":[
          {"name":"a","shape":[2,2],"dtype":"float32","quantization":{"dtype":"uint8","scale":0.5,"min":-3}},
          {"name":"b","shape":[1],"dtype":"float32"}],
          "paths":["x.bin"]}]
        """;

    private static byte[][] Png() =>
        [
            ImageEncoder.Encode(Picture, ".png"),
            PngFile.Encode(9, 5, 8, 3, new byte[45], ("PLTE", [1, 2, 3, 40, 50, 60]), ("tRNS", [0, 128])),
            PngFile.Encode(
                2,
                2,
                16,
                6,
                new byte[32],
                ("eXIf", [.. "MM\0*"u8, 0, 0, 0, 8, 0, 1, 1, 18, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0])
            ),
            PngFile.Encode(40, 3, 1, 0, new byte[15]),
        ];

    // Checksums of all chunks: with them wrong nothing of the rest is looked at.
    private static void RepairPng(byte[] file)
    {
        for (var at = 8; at + 12 <= file.Length; )
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(at));
            if (length > file.Length - at - 12)
                return;
            var checksum = PngFile.Crc(file.AsSpan(at + 4, (int)length + 4));
            BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(at + 8 + (int)length), checksum);
            at += (int)length + 12;
        }
    }

    private static byte[][] Jpeg()
    {
        var plain = ImageEncoder.Encode(Picture, ".jpg", 70);
        byte[] exif = [.. "Exif\0\0"u8, .. "MM\0*"u8, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0];
        // The same data under the header of a progressive picture: nonsense, but every scan is decoded.
        var progressive = (byte[])plain.Clone();
        progressive[progressive.AsSpan().IndexOf((byte[])[0xFF, 0xC0]) + 1] = 0xC2;
        return
        [
            plain,
            FlatCmykJpeg.Encode(200, 100, 50, 128),
            [0xFF, 0xD8, 0xFF, 0xE1, 0, (byte)(exif.Length + 2), .. exif, .. plain[2..]],
            progressive,
        ];
    }

    private static byte[][] Gif()
    {
        var pixels = Enumerable.Range(0, 130).Select(i => (byte)(i % 4)).ToArray();
        byte[] palette = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        return [GifFile.Encode(13, 10, palette, pixels), GifFile.Encode(13, 10, palette, pixels, transparent: 2)];
    }

    private static byte[][] Tiffs() =>
        [
            TiffFile.Encode(9, 5, 8, 3, 2, new byte[135]),
            TiffFile.Encode(9, 5, 1, 1, 0, new byte[10], bigEndian: true),
            TiffFile.Encode(2, 1, 16, 1, 1, new byte[4]),
            TiffFile.Encode(2, 1, 8, 1, 3, [1, 0], tags: (320, new ushort[3 * 256])),
            LibTiffFile.Write(Picture, Compression.LZW, tiled: false, planes: false),
            LibTiffFile.Write(Picture, Compression.LZW, tiled: true, planes: true),
            LibTiffFile.Write(Picture, Compression.ADOBE_DEFLATE, tiled: true, planes: false),
            LibTiffFile.Write(Picture, Compression.PACKBITS, tiled: false, planes: true),
        ];

    // 16×2 pixels of eight bits, in runs.
    private static byte[] Rle()
    {
        byte[] data = [16, 1, 0, 0, 8, 0, 8, 1, 0, 1];
        var file = new byte[54 + 8 + data.Length];
        "BM"u8.CopyTo(file);
        foreach (var (at, value) in new[] { (2, file.Length), (10, 62), (14, 40), (18, 16), (22, 2), (30, 1), (34, data.Length), (46, 2) })
            BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(at), value);
        (file[26], file[28], file[54], file[59]) = (1, 8, 77, 99);
        data.CopyTo(file, 62);
        return file;
    }

    private static byte[] Idx(bool packed)
    {
        byte[] content = [0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2, .. Enumerable.Range(0, 12).Select(i => (byte)i)];
        if (!packed)
            return content;
        var stream = new MemoryStream();
        using (var zip = new GZipStream(stream, CompressionLevel.Optimal))
            zip.Write(content);
        return stream.ToArray();
    }

    private static byte[] Zip(CompressionLevel level)
    {
        var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create))
            foreach (
                var (name, content) in new[]
                {
                    ("d/0.png", ImageEncoder.Encode(Picture, ".png")),
                    ("d/1.bmp", ImageEncoder.Encode(Picture, ".bmp")),
                    ("dataset.json", Encoding.UTF8.GetBytes("""{"labels": [["d/0.png", 3], ["d/1.bmp", 1]]}""")),
                    ("readme.txt", "hello"u8.ToArray()),
                }
            )
            {
                using var entry = zip.CreateEntry(name, level).Open();
                entry.Write(content);
            }
        return stream.ToArray();
    }

    private static byte[] Cached() =>
        OnDisk(folder =>
        {
            ImageEncoder.Save(Picture, Path.Combine(folder, "set", "a.png"));
            using var source = new FolderSource(Path.Combine(folder, "set"));
            DatasetPreparer.Prepare(source, Path.Combine(folder, "x"), new() { Size = 8 });
            return Path.Combine(folder, "x");
        });

    // The checksum of the header.
    private static void RepairCached(byte[] file)
    {
        if (file.Length < 64)
            return;
        var length = BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(24));
        if (length >= 0 && length < file.Length)
            System.Security.Cryptography.SHA256.HashData(file.AsSpan(file.Length - (int)length)).CopyTo(file, 32);
    }

    private static byte[][] Npys() =>
        [
            .. new[] { NpyArray.FromSingles(new float[6], 2, 3), NpyArray.FromDoubles([1.5]), NpyArray.FromBytes([1, 2], 2) }.Select(
                array =>
                {
                    var stream = new MemoryStream();
                    Npy.Write(stream, array);
                    return stream.ToArray();
                }
            ),
        ];

    private static byte[] Arrays(bool compress) =>
        OnDisk(folder =>
        {
            var path = Path.Combine(folder, "x");
            Npz.Write(path, [new("mu", NpyArray.FromDoubles(new double[50], 50)), new("ü", NpyArray.FromBytes([1, 2], 2))], compress);
            return path;
        });

    private static byte[] Reference() =>
        OnDisk(folder =>
        {
            var path = Path.Combine(folder, "x");
            Npz.Write(
                path,
                [
                    new("small/mu", NpyArray.FromDoubles([1, 2], 2)),
                    new("small/sigma", NpyArray.FromDoubles([1, 0, 0, 1], 2, 2)),
                    new("small/count", NpyArray.FromInt64([9])),
                    new("small/features", NpyArray.FromSingles(new float[6], 3, 2)),
                    new("info", NpyArray.FromBytes("{}"u8.ToArray(), 2)),
                ]
            );
            return path;
        });

    // EDM2's layout: a dictionary of pairs of arrays, in protocol 2.
    private static byte[] PickledReference()
    {
        static Made Array(params long[] shape) =>
            new(
                "numpy.core.multiarray",
                "_reconstruct",
                [],
                new object?[]
                {
                    1L,
                    shape.Cast<object?>().ToArray(),
                    new Made("numpy", "dtype", ["f8", false, true], new object?[] { 3L, "<" }),
                    false,
                    new Made("_codecs", "encode", [new string('\0', 8 * (int)shape.Aggregate((a, b) => a * b)), "latin1"]),
                }
            );
        return PickleWriter.Write(
            new Dictionary<string, object?>
            {
                ["fid"] = new Dictionary<string, object?> { ["mu"] = Array(2), ["sigma"] = Array(2, 2) },
            }
        );
    }

    private static Made State() =>
        new(
            "collections",
            "OrderedDict",
            [
                new List<object?>
                {
                    new List<object?> { "module.w", Tensor("0", 6, 2, 3) },
                    new List<object?> { "module.b", Tensor("1", 2, 2) },
                },
            ]
        );

    private static Formats.Tests.PyTorch.Tensor Tensor(string key, long count, params long[] shape) =>
        new("FloatStorage", key, count, 0, shape, Formats.Tests.PyTorch.Tensor.Contiguous(shape));

    private static byte[] Checkpoint() => TorchFile.Zip(PickleWriter.Write(State()), ("0", new byte[24]), ("1", new byte[8]));

    private static byte[] OldCheckpoint() =>
        [
            0x80,
            2,
            0x8a,
            10,
            0x6c,
            0xfc,
            0x9c,
            0x46,
            0xf9,
            0x20,
            0x6a,
            0xa8,
            0x50,
            0x19,
            (byte)'.',
            .. PickleWriter.Write(1001L),
            .. PickleWriter.Write(new Dictionary<string, object?> { ["little_endian"] = true }),
            .. PickleWriter.Write(State()),
            .. PickleWriter.Write(new List<object?> { "0", "1" }),
            .. BitConverter.GetBytes(6L),
            .. new byte[24],
            .. BitConverter.GetBytes(2L),
            .. new byte[8],
        ];

    private static byte[] Weights() =>
        OnDisk(folder =>
        {
            var path = Path.Combine(folder, "x");
            SafetensorsWriter.Write(
                path,
                [new("a", ElementType.F32, [2, 3], new byte[24]), new("b", ElementType.BF16, [4], new byte[8])],
                new Dictionary<string, string> { ["k"] = "v" }
            );
            return path;
        });

    private static byte[] Network() =>
        OnDisk(folder =>
        {
            using var network = TestNetworks.Create(TestNetworks.Configuration);
            var path = Path.Combine(folder, "x");
            NetworkFile.Save(path, network.Configuration, network.state_dict(), ElementType.BF16);
            return path;
        });

    private static byte[] OnDisk(Func<string, string> write)
    {
        var folder = Directory.CreateTempSubdirectory("invfusion-fuzz-");
        try
        {
            return File.ReadAllBytes(write(folder.FullName));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static RgbImage Noise(int width, int height)
    {
        var image = new RgbImage(width, height);
        new Random(1).NextBytes(image.Pixels);
        return image;
    }
}
