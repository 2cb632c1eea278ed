namespace InvFusion.Metrics.Weights;

/// <summary>The weights of one network, as published.</summary>
/// <param name="Name">What <c>fetch-weights</c> and <c>--weights</c> call them.</param>
/// <param name="Licence">Whose they are, and under what terms.</param>
/// <param name="Files">One file, or several that each hold a part.</param>
public sealed record PublishedWeights(string Name, string Licence, IReadOnlyList<PublishedFile> Files)
{
    private const string Torchvision = "https://download.pytorch.org/models/";
    private const string Lpips = "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1/";
    private const string FaceApi = "https://cdn.jsdelivr.net/npm/@vladmandic/face-api@1.7.15/model/";

    /// <summary>All that are known. Hashes are those of the files as many projects have pinned them.</summary>
    public static IReadOnlyList<PublishedWeights> All { get; } =
    [
        new(
            "inception",
            "TensorFlow's Inception-v3 of 2015-12-05, Apache-2.0; converted by the authors of pytorch-fid, Apache-2.0",
            [
                new(
                    "pt_inception-2015-12-05-6726825d.pth",
                    new("https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth"),
                    "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
                    95_628_359
                ),
            ]
        ),
        new(
            "dinov2",
            "DINOv2 ViT-L/14 of Meta AI, Apache-2.0",
            [
                new(
                    "dinov2_vitl14_pretrain.pth",
                    new("https://dl.fbaipublicfiles.com/dinov2/dinov2_vitl14/dinov2_vitl14_pretrain.pth"),
                    "d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428",
                    1_217_586_395
                ),
            ]
        ),
        new(
            "lpips_alex",
            "AlexNet of torchvision, BSD-3-Clause, trained on ImageNet; LPIPS 0.1 of Zhang et al., BSD-2-Clause",
            [
                new(
                    "alexnet-owt-7be5be79.pth",
                    new(Torchvision + "alexnet-owt-7be5be79.pth"),
                    "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
                    244_408_911
                ),
                new(
                    "lpips-0.1-alex.pth",
                    new(Lpips + "alex.pth"),
                    "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
                    6_009
                ),
            ]
        ),
        new(
            "lpips_vgg",
            "VGG-16 of torchvision, BSD-3-Clause, trained on ImageNet; LPIPS 0.1 of Zhang et al., BSD-2-Clause",
            [
                new(
                    "vgg16-397923af.pth",
                    new(Torchvision + "vgg16-397923af.pth"),
                    "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
                    553_433_881
                ),
                new("lpips-0.1-vgg.pth", new(Lpips + "vgg.pth"), "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868", 7_289),
            ]
        ),
        new(
            "face",
            "dlib's face recognition network of D. King, public domain; converted for TensorFlow.js in face-api of V. Mühler and V. Mandic, MIT",
            [
                new(
                    "face_recognition_model.bin",
                    new(FaceApi + "face_recognition_model.bin"),
                    "b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589",
                    6_444_032
                ),
                new(
                    "face_recognition_model-weights_manifest.json",
                    new(FaceApi + "face_recognition_model-weights_manifest.json"),
                    "cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b",
                    19_615
                ),
            ]
        ),
    ];

    /// <summary>The weights of a name.</summary>
    /// <exception cref="ConfigurationException">There are none; the message lists the names.</exception>
    public static PublishedWeights Find(string name) =>
        All.FirstOrDefault(w => w.Name == name)
        ?? throw new ConfigurationException(
            $"there are no weights called '{name}': choose from {string.Join(", ", All.Select(w => w.Name))}"
        );
}
