using TorchSharp;

InvFusion.Runtime.TorchRuntime.Initialize();
Console.WriteLine(torch.ones(2, 3).sum().item<float>());
